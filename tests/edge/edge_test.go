// Package edge tests the edge's web server as its image runs it, with stub backends. It
// needs neither Docker nor a network.
package edge

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// answer is a complete response.
type answer struct {
	status, protocol int
	header           http.Header
	body             []byte
}

// ask sends one request with an unmodified path, and follows no redirects.
func (s *server) ask(t *testing.T, method, address string, header http.Header, body io.Reader) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, body)
	require.NoError(t, err)
	for name, values := range header {
		request.Header[name] = values
		if name == "Host" {
			request.Host = values[0]
		}
	}
	got, err := s.client.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, got.Body.Close()) }()
	content, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return answer{got.StatusCode, got.ProtoMajor, got.Header, content}
}

func (s *server) status(t *testing.T, address string) int {
	t.Helper()
	return s.ask(t, http.MethodGet, address, nil, nil).status
}

func TestOfKeycloakOnlyTheRealmAndWhatItShowsIsOpen(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{
		"/realms/mlflow", "/realms/mlflow/.well-known/openid-configuration", "/realms/mlflow/protocol/openid-connect/certs",
		"/resources/abc/login/keycloak/css/login.css", "/.well-known/openid-configuration/realms/mlflow",
	} {
		require.Equal(t, http.StatusOK, s.status(t, s.keycloak+path), path)
	}
	for _, path := range []string{
		"/", "/admin", "/admin/", "/admin/master/console/", "/admin/realms", "/health", "/health/ready", "/metrics",
		"/realms/master", "/realms/master/protocol/openid-connect/auth", "/realms/mlflowx/account", "/realms/", "/realms",
		"/realms/mlflow/../master/account", "/realms/mlflow/%2e%2e/master/account", "/realms/mlflow/..%2fmaster/account", "/realms/mlflow/..;/master/account",
		"/realms;x/mlflow", "/realms/mlflow;/../master", "/realms//master", "/realms/mlflow//..//master/account",
		"/resources/../admin/", "/resources/%2e%2e/admin/", "/resources/..%2fadmin/realms", "/.well-known/../admin/realms",
		"/realms/mlflow/clients-registrations/openid-connect", "/realms/mlflow/clients-registrations/default", "/Realms/Master/account",
	} {
		require.Equal(t, http.StatusNotFound, s.status(t, s.keycloak+path), path)
	}
}

func TestOfMLflowItsOwnFiguresDocumentsAndJobsAreClosed(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{"/", "/login", "/callback", "/oidc/ui/", "/health", "/api/2.0/mlflow/experiments/search", "/ajax-api/3.0/mlflow/traces/1", "/static-files/main.js"} {
		require.Equal(t, http.StatusOK, s.status(t, s.mlflow+path), path)
	}
	for _, path := range []string{
		"/metrics", "/metrics/", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/scim/v2/Users", "/saml/metadata/default", "/slo/x",
		"/ajax-api/3.0/jobs", "/ajax-api/3.0/jobs/1", "/api/3.0/jobs/1", "/api/3.0/mlflow/jobs/cancel/1", "//metrics", "/x/../metrics", "/%6detrics", "/METRICS",
	} {
		require.Equal(t, http.StatusNotFound, s.status(t, s.mlflow+path), path)
	}
}

// Services trust only what the edge has observed about a request.
func TestForgedForwardingHeadersReachNoService(t *testing.T) {
	s := start(t, nil)
	forged := http.Header{}
	for _, name := range []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server",
		"X-Forwarded-Ssl", "X-Real-Ip", "X-Original-Url", "X-Rewrite-Url", "Forwarded",
	} {
		forged.Set(name, "forged.example.com")
	}
	for _, address := range []string{s.mlflow + "/x", s.keycloak + "/realms/mlflow", s.admin + "/admin/"} {
		var seen http.Header
		require.NoError(t, json.Unmarshal(s.ask(t, http.MethodGet, address, forged, nil).body, &seen))
		for name, values := range seen {
			require.NotContains(t, strings.Join(values, " "), "forged", "%s, asked for at %s", name, address)
		}
		require.Equal(t, "127.0.0.1", seen.Get("X-Forwarded-For"), "at %s", address)
		require.Contains(t, address, "//"+seen.Get("X-Forwarded-Host")+"/")
		require.True(t, strings.HasPrefix(address, seen.Get("X-Forwarded-Proto")+"://"))
	}
}

func TestEveryResponseSendsHSTSAndHidesItsServer(t *testing.T) {
	s := start(t, nil)
	for _, address := range []string{s.mlflow + "/", s.mlflow + "/metrics", s.keycloak + "/realms/mlflow", s.keycloak + "/admin/"} {
		got := s.ask(t, http.MethodGet, address, nil, nil)
		require.Equal(t, "max-age=31536000", got.header.Get("Strict-Transport-Security"), address)
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), address)
		require.Equal(t, "SAMEORIGIN", got.header.Get("X-Frame-Options"), address)
		require.NotEmpty(t, got.header.Get("Referrer-Policy"), address)
		require.Empty(t, got.header.Get("Server"), address)
		require.Empty(t, got.header.Get("Via"), address)
		require.Equal(t, 2, got.protocol, "no HTTP/2 at %s", address)
	}
}

// Keycloak's pages have a policy of their own, which is stricter.
func TestAHeaderThatAServiceSetsIsKept(t *testing.T) {
	s := start(t, nil)
	got := s.ask(t, http.MethodGet, s.keycloak+"/realms/mlflow?header=X-Frame-Options&value=DENY", nil, nil)
	require.Equal(t, []string{"DENY"}, got.header.Values("X-Frame-Options"))
}

// A browser that may cache a page shows it again to a user who goes back after the logout.
func TestAPageOfMLflowIsNotKeptByABrowserAndItsScriptsAre(t *testing.T) {
	s := start(t, nil)
	for path, want := range map[string]string{
		"/": "no-store", "/oidc/ui": "no-store", "/oidc/ui/user/tokens": "no-store", "/oidc/ui/assets/index.js": "", "/static-files/main.js": "",
		"/?header=Cache-Control&value=private": "private",
	} {
		answer := s.ask(t, http.MethodGet, s.mlflow+path, nil, nil)
		require.Equal(t, want, answer.header.Get("Cache-Control"), path)
	}
}

func TestPlainHTTPLeadsToHTTPSAndNowhereElse(t *testing.T) {
	s := start(t, nil)
	got := s.ask(t, http.MethodGet, s.plain+"/a?b=c", http.Header{"Host": {"mlflow.edge.test"}}, nil)
	require.Equal(t, http.StatusPermanentRedirect, got.status)
	require.Equal(t, s.mlflow+"/a?b=c", got.header.Get("Location"))
	got = s.ask(t, http.MethodGet, s.plain+"/", http.Header{"Host": {"auth.edge.test"}}, nil)
	require.Equal(t, s.keycloak+"/", got.header.Get("Location"))
	require.Equal(t, http.StatusMisdirectedRequest, s.ask(t, http.MethodGet, s.plain+"/", http.Header{"Host": {"evil.example.com"}}, nil).status)
}

func TestAnUnknownHostNameReachesNoService(t *testing.T) {
	s := start(t, nil)
	require.Equal(t, http.StatusMisdirectedRequest, s.ask(t, http.MethodGet, s.mlflow+"/", http.Header{"Host": {"evil.example.com"}}, nil).status)
	// A page of another site whose name resolves to 127.0.0.1.
	require.Equal(t, http.StatusMisdirectedRequest, s.ask(t, http.MethodGet, s.admin+"/admin/", http.Header{"Host": {"evil.example.com"}}, nil).status)
	require.Equal(t, http.StatusOK, s.status(t, s.admin+"/admin/"))
	require.Equal(t, http.StatusOK, s.status(t, s.admin+"/realms/master/account"))
}

func TestTooManyLoginsAreRefusedAndOtherClientsContinue(t *testing.T) {
	s := start(t, map[string]string{"EDGE_LOGINS_PER_MINUTE": "5", "EDGE_FORMS_PER_MINUTE": "15"})
	for address, limit := range map[string]int{s.mlflow + "/login": 5, s.keycloak + "/realms/mlflow/protocol/openid-connect/auth": 15} {
		for i := range limit {
			require.Equal(t, http.StatusOK, s.status(t, address), "login %d at %s", i+1, address)
		}
		got := s.ask(t, http.MethodGet, address, nil, nil)
		require.Equal(t, http.StatusTooManyRequests, got.status, address)
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
	require.Equal(t, http.StatusTooManyRequests, s.status(t, s.mlflow+"/login/keycloak"), "another way to the same")
	require.Equal(t, http.StatusOK, s.status(t, s.mlflow+"/api/2.0/mlflow/experiments/search"))
	require.Equal(t, http.StatusOK, s.status(t, s.keycloak+"/realms/mlflow/protocol/openid-connect/certs"))
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	s := start(t, map[string]string{"EDGE_REQUESTS_PER_SECOND": "20"})
	for range 20 {
		require.Equal(t, http.StatusOK, s.status(t, s.mlflow+"/api/2.0/mlflow/runs/search"))
	}
	for range 200 { // on the slowest machine, not all of them arrive within seconds
		if s.status(t, s.mlflow+"/api/2.0/mlflow/runs/search") == http.StatusTooManyRequests {
			return
		}
	}
	t.Fatal("220 requests at once were all let through, want 20 in a second")
}

// nothing is n bytes that take no memory.
func nothing(n int64) io.Reader { return io.LimitReader(zeros{}, n) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAnArtifactMayBeLargeAndNothingElseMay(t *testing.T) {
	s := start(t, map[string]string{"EDGE_MAX_REQUEST_MB": "100"})
	for _, test := range []struct {
		address string
		size    int64
		want    int
	}{
		{s.mlflow + "/api/2.0/mlflow-artifacts/artifacts/1/x", 99 * mib, http.StatusOK},
		{s.mlflow + "/api/2.0/mlflow-artifacts/artifacts/1/x", 101 * mib, http.StatusRequestEntityTooLarge},
		{s.mlflow + "/ajax-api/2.0/mlflow/upload-artifact", 99 * mib, http.StatusOK},
		{s.mlflow + "/api/2.0/mlflow/runs/log-batch", 15 * mib, http.StatusOK},
		{s.mlflow + "/api/2.0/mlflow/runs/log-batch", 17 * mib, http.StatusRequestEntityTooLarge},
		{s.keycloak + "/realms/mlflow/protocol/openid-connect/token", mib / 2, http.StatusOK},
		{s.keycloak + "/realms/mlflow/protocol/openid-connect/token", 2 * mib, http.StatusRequestEntityTooLarge},
	} {
		require.Equal(t, test.want, s.ask(t, http.MethodPost, test.address, nil, nothing(test.size)).status, "%d bytes to %s", test.size, test.address)
	}
}

func TestNoCodeTokenOrCookieIsInTheLog(t *testing.T) {
	s := start(t, nil)
	const secret = "s3cr3t-v4lue"
	header := http.Header{
		"Authorization": {"Bearer " + secret}, "Cookie": {"__Host-mlflow=" + secret}, "Referer": {"https://x/callback?code=" + secret},
	}
	s.ask(t, http.MethodGet, s.mlflow+"/callback?code="+secret+"&state="+secret+"&session_state="+secret, header, nil)
	s.ask(t, http.MethodGet, s.keycloak+"/realms/mlflow/protocol/openid-connect/logout?id_token_hint="+secret, header, nil)
	s.ask(t, http.MethodGet, s.mlflow+"/x?header=Location&value=https://x/callback?code="+secret, nil, nil)
	s.ask(t, http.MethodGet, s.mlflow+"/x?header=Set-Cookie&value="+secret, nil, nil)
	require.Eventually(t, func() bool { return strings.Count(s.log(), `"msg":"handled request"`) >= 4 }, patience, tick)
	// The request line of the last two contains the text itself: these do not test the query.
	log := strings.ReplaceAll(s.log(), "value=", "value=…")
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, "/x?header=") {
			continue
		}
		require.NotContains(t, line, secret)
	}
	require.NotContains(t, headersOf(t, log), secret)
}

// headersOf are the answers' headers in the log.
func headersOf(t *testing.T, log string) string {
	t.Helper()
	var all []string
	for _, line := range strings.Split(log, "\n") {
		var entry struct {
			Answer map[string]any `json:"resp_headers"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Answer != nil {
			encoded, err := json.Marshal(entry.Answer)
			require.NoError(t, err)
			all = append(all, string(encoded))
		}
	}
	require.NotEmpty(t, all)
	return strings.Join(all, "\n")
}

// A service that is recreated is unavailable for some seconds.
func TestARequestWaitsForAServiceThatIsAwayForAMoment(t *testing.T) {
	s := start(t, nil)
	s.backend.Close()
	answered := make(chan int, 1)
	go func() {
		answer, err := s.client.Get(s.mlflow + "/x")
		if err != nil {
			answered <- 0
			return
		}
		_ = answer.Body.Close()
		answered <- answer.StatusCode
	}()
	again := httptest.NewUnstartedServer(echo())
	again.Listener = listenAt(t, s.backend.Listener.Addr().String())
	again.Start()
	t.Cleanup(again.Close)
	require.Equal(t, http.StatusOK, <-answered)
}
