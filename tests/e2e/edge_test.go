//go:build e2e

package e2e

import (
	"bytes"
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// tests/edge tests the edge's rules themselves, with stub services. Here the real ones are behind
// it.

// anonymous is a client of a public stack without cookies, which follows no redirects.
func anonymous(t *testing.T, at site) *http.Client {
	t.Helper()
	client := at.front(t).HTTP()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// ask sends a request with an unmodified path, and reads the response.
func ask(t *testing.T, client *http.Client, site, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	u, err := url.Parse(site)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site, nil)
	require.NoError(t, err)
	request.URL = &url.URL{Scheme: u.Scheme, Host: u.Host, Opaque: "//" + u.Host + path}
	request.Header = header.Clone()
	answer, err := client.Do(request)
	require.NoError(t, err, path)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer, string(body)
}

// Keycloak never receives a request for its administrators' realm, however the path is written.
func TestNoWayOfWritingAPathLeadsToKeycloaksAdministration(t *testing.T) {
	at := prodSite(t)
	client := anonymous(t, at)
	realm := "/realms/" + at.deployed.Realm.Name
	for _, path := range []string{realm, realm + "/.well-known/openid-configuration", realm + "/protocol/openid-connect/certs"} {
		answer, _ := ask(t, client, at.deployed.Keycloak.URL, path, nil) //nolint:bodyclose // ask has closed it
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
	}
	// The control: it exists.
	for path, says := range map[string]string{"/admin/master/console/": "Administration Console", "/realms/master": `"realm":"master"`} {
		answer, body := ask(t, http.DefaultClient, at.deployed.Keycloak.AdminURL, path, nil) //nolint:bodyclose // ask has closed it
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
		require.Contains(t, body, says)
	}
	var targets []string
	for _, start := range []string{"", realm, "/resources", "/.well-known"} {
		for _, up := range []string{"", "/..", "/%2e%2e", "/..%2f", "/..;", "/%2e%2e%3b", "/..;x=y", "/.%2e", "//..", "/..//", "/..%5c", "/%252e%252e", "/..%c0%af", "/...."} {
			for _, end := range []string{"/realms/master", "/admin/master/console/", "/admin/realms", "/health", "/metrics", "/", "/master"} {
				targets = append(targets, start+up+end, start+up+up+end)
			}
		}
	}
	for _, target := range targets {
		if strings.HasPrefix(target, realm+"/") && !strings.Contains(target, "..") && !strings.Contains(target, "%") {
			continue // an unmodified path below the realm
		}
		answer, body := ask(t, client, at.deployed.Keycloak.URL, target, nil) //nolint:bodyclose // ask has closed it
		require.GreaterOrEqual(t, answer.StatusCode, 300, target)
		require.NotContains(t, body, `"realm":"master"`, target)
		require.NotContains(t, body, "Administration Console", target)
		require.NotContains(t, answer.Header.Get("Location"), "/admin", target)
		require.NotContains(t, answer.Header.Get("Location"), "/master", target)
	}
	t.Logf("%d ways", len(targets))
}

// forged are headers by which a client claims another identity.
func forged() http.Header {
	header := http.Header{}
	for name, value := range map[string]string{
		"X-Forwarded-For": "203.0.113.9", "X-Real-Ip": "203.0.113.9", "Forwarded": "for=203.0.113.9;host=evil.example.com;proto=http",
		"X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "81", "X-Forwarded-Prefix": "/evil",
		"X-Forwarded-Server": "evil.example.com", "X-Original-Url": "/evil",
	} {
		header.Set(name, value)
	}
	return header
}

func TestNoForgedHeaderReachesARedirectAPageOrKeycloaksEvents(t *testing.T) {
	at := prodSite(t)
	client := anonymous(t, at)
	honest, _ := ask(t, client, at.deployed.MLflow.URL, "/login", nil)    //nolint:bodyclose // ask has closed it
	lied, _ := ask(t, client, at.deployed.MLflow.URL, "/login", forged()) //nolint:bodyclose // ask has closed it
	require.Equal(t, shapeOf(t, honest.Header.Get("Location")), shapeOf(t, lied.Header.Get("Location")))
	for site, path := range map[string]string{
		at.deployed.MLflow.URL:   "/",
		at.deployed.Keycloak.URL: "/realms/" + at.deployed.Realm.Name + "/.well-known/openid-configuration",
	} {
		answer, body := ask(t, client, site, path, forged()) //nolint:bodyclose // ask has closed it
		for _, lie := range []string{"evil", "203.0.113.9", "http://" + strings.TrimPrefix(site, "https://")} {
			require.NotContains(t, body, lie, path)
			require.NotContains(t, fmt.Sprint(answer.Header), lie, path)
		}
	}

	docker := openEngine(t)
	b := browser.New(at.front(t).ViaEdge, func(c *http.Client, _ *http.Transport) { c.Transport = liar{c.Transport} })
	t.Cleanup(b.Close)
	page, err := b.Open(t.Context(), at.deployed.MLflow.URL+"/login")
	require.NoError(t, err)
	form := page.FormWith("username", "password")
	require.NotNil(t, form, "no login form at %s", browser.Bare(page.URL))
	who := at.member(t)
	require.NoError(t, form.Set("username", who.Username))
	require.NoError(t, form.Set("password", "not-the-password"))
	_, err = b.Submit(t.Context(), form)
	require.NoError(t, err)
	var event string
	for line := range strings.Lines(logOf(t, docker, at.deployed.Keycloak.Container)) {
		if strings.Contains(line, "LOGIN_ERROR") && strings.Contains(line, who.Username) {
			event = line
		}
	}
	require.NotEmpty(t, event, "Keycloak says nothing of the login that failed")
	require.Contains(t, event, "ipAddress=")
	require.NotContains(t, event, "203.0.113.9")
	network, err := docker.API().ContainerInspect(t.Context(), at.deployed.Edge.Container)
	require.NoError(t, err)
	for _, of := range network.NetworkSettings.Networks {
		require.NotContains(t, event, `ipAddress="`+of.IPAddress+`"`, "the edge itself, instead of its client")
	}
}

// liar adds forged headers to every request.
type liar struct{ http.RoundTripper }

func (l liar) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range forged() {
		r.Header[name] = values
	}
	return l.RoundTripper.RoundTrip(r)
}

// shapeOf is an address without its variable parts.
func shapeOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	query := u.Query()
	for _, once := range []string{"state", "nonce", "code_challenge"} {
		require.NotEmpty(t, query.Get(once), "%s at %s", once, browser.Bare(u))
		query.Set(once, "…")
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// logOf is a container's whole log.
func logOf(t *testing.T, docker *engine.Engine, name string) string {
	t.Helper()
	stream, err := docker.API().ContainerLogs(t.Context(), name, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, stream.Close()) }()
	var said bytes.Buffer
	_, err = stdcopy.StdCopy(&said, &said, stream)
	require.NoError(t, err)
	return said.String()
}

func TestEveryPageOfAPublicStackUsesHTTP2AndHasSecurityHeaders(t *testing.T) {
	at := prodSite(t)
	client := anonymous(t, at)
	for _, page := range []struct{ site, path string }{
		{at.deployed.MLflow.URL, "/"},
		{at.deployed.MLflow.URL, "/oidc/ui/auth"},
		{at.deployed.MLflow.URL, "/api/2.0/mlflow/experiments/search"},
		{at.deployed.MLflow.URL, "/metrics"},
		{at.deployed.Keycloak.URL, "/realms/" + at.deployed.Realm.Name + "/account"},
		{at.deployed.Keycloak.URL, "/admin/"},
	} {
		answer, _ := ask(t, client, page.site, page.path, nil) //nolint:bodyclose // ask has closed it
		require.Equal(t, 2, answer.ProtoMajor, page.path)
		require.GreaterOrEqual(t, answer.TLS.Version, uint16(tls.VersionTLS12))
		require.Regexp(t, `^max-age=\d{8,}`, answer.Header.Get("Strict-Transport-Security"), page.path)
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN"} {
			require.Equal(t, []string{want}, answer.Header.Values(name), "%s of %s", name, page.path)
		}
		require.NotEmpty(t, answer.Header.Get("Referrer-Policy"), page.path)
		require.Empty(t, answer.Header.Get("Server"), page.path)
	}
}

func TestEveryCookieOfAPublicStackIsSecureAndOutOfReachOfScripts(t *testing.T) {
	at := prodSite(t)
	client := anonymous(t, at)
	login, _ := ask(t, client, at.deployed.MLflow.URL, "/login", nil) //nolint:bodyclose // ask has closed it
	u, err := url.Parse(login.Header.Get("Location"))
	require.NoError(t, err)
	form, _ := ask(t, client, at.deployed.Keycloak.URL, u.RequestURI(), nil) //nolint:bodyclose // ask has closed it
	require.Equal(t, http.StatusOK, form.StatusCode)

	ours := login.Cookies()
	require.Len(t, ours, 1)
	require.Equal(t, "__Host-mlflow", ours[0].Name)
	require.Equal(t, "/", ours[0].Path)
	require.Empty(t, ours[0].Domain)
	require.Equal(t, http.SameSiteLaxMode, ours[0].SameSite)
	require.NotEmpty(t, form.Cookies())
	for _, c := range append(ours, form.Cookies()...) {
		require.True(t, c.Secure, c.Name)
		require.True(t, c.HttpOnly || c.Name == "KC_AUTH_SESSION_HASH", c.Name) // Keycloak's own page reads that one
	}
}

func TestPlainHTTPIsOnlyTheWayToHTTPS(t *testing.T) {
	at := prodSite(t)
	docker := openEngine(t)
	for _, site := range []string{at.deployed.MLflow.URL, at.deployed.Keycloak.URL} {
		u, err := url.Parse(site)
		require.NoError(t, err)
		request := httptest.NewRequest(http.MethodGet, "http://"+plainAddress(t, docker, at)+"/a/path?b=c", nil)
		request.RequestURI, request.Host = "", u.Hostname()
		answer, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusPermanentRedirect, answer.StatusCode)
		require.Equal(t, site+"/a/path?b=c", answer.Header.Get("Location"))
		require.Empty(t, answer.Cookies())
	}
}

// plainAddress is the edge's plain http address, except for the console.
func plainAddress(t *testing.T, docker *engine.Engine, at site) string {
	t.Helper()
	for _, address := range published(t, docker, at.deployed.Deployment)[at.deployed.Edge.Container] {
		if address != at.deployed.Edge.HTTPS && "http://"+address != at.deployed.Keycloak.AdminURL {
			return address
		}
	}
	require.Fail(t, "no port in plain http")
	return ""
}

//go:embed testdata/flood.py
var floodScript string

// The flood comes from a separate address; all other clients continue, and so does one with a
// token, from the same address.
func TestAFloodOfLoginsIsRefusedAndOtherClientsContinue(t *testing.T) {
	at := prodSite(t)
	docker := openEngine(t)
	server, err := docker.API().ContainerInspect(t.Context(), at.deployed.MLflow.Container)
	require.NoError(t, err)
	from := guest(t, docker, server.Image, at.deployed.Deployment+"-edge")
	input, err := json.Marshal(map[string]any{"url": at.deployed.MLflow.URL, "authority": string(at.authority), "edge": "edge", "port": 8443, "logins": 80})
	require.NoError(t, err)

	result, err := docker.Exec(t.Context(), from, []string{"python", "-c", floodScript}, engine.Stdin(bytes.NewReader(input)))

	require.NoError(t, err)
	require.NoError(t, result.Err())
	var got struct {
		Logins map[string]int
		API    int
	}
	require.NoError(t, json.Unmarshal([]byte(result.Stdout), &got))
	require.Positive(t, got.Logins["302"], "%v", got.Logins)
	require.Positive(t, got.Logins["429"], "%v", got.Logins)
	require.Len(t, got.Logins, 2, "%v", got.Logins)
	require.Equal(t, http.StatusUnauthorized, got.API, "the API, which does not know this client, but answers")
	mine, _ := ask(t, anonymous(t, at), at.deployed.MLflow.URL, "/login", nil) //nolint:bodyclose // ask has closed it
	require.Equal(t, http.StatusFound, mine.StatusCode)
	t.Logf("80 logins at once: %v", got.Logins)
}

func TestARequestThatIsTooLargeIsRefusedAndAnArtifactOfThatSizeIsNot(t *testing.T) {
	at := prodSite(t)
	client := anonymous(t, at)
	const size = 65 << 20
	for path, want := range map[string]int{
		"/api/2.0/mlflow/runs/log-batch":                http.StatusRequestEntityTooLarge,
		"/api/2.0/mlflow-artifacts/artifacts/0/too/big": http.StatusUnauthorized, // it reaches MLflow, which requires a login
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, at.deployed.MLflow.URL+path, io.LimitReader(zeros{}, size))
		require.NoError(t, err)
		request.ContentLength = size
		answer, err := client.Do(request)
		require.NoError(t, err, path)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode, path)
	}
}

//go:embed testdata/too_large.py
var tooLargeScript string

// Python's requests sends a whole body before it reads: the edge must continue to read.
func TestPythonsRequestsReadsWhyARequestIsRefused(t *testing.T) {
	at := prodSite(t)
	s := newScientist(t, at, outputs.User{}, "")
	input, err := json.Marshal(map[string]any{
		"address": at.deployed.MLflow.URL, "authority": string(at.authority),
		"requests": [][]any{
			{"/api/2.0/mlflow-artifacts/artifacts/0/too/big", 6500},
			{"/api/2.0/mlflow/runs/log-batch", 70},
			{"/api/2.0/mlflow/experiments/set-experiment-tag", 10},
			{"/api/2.0/mlflow-artifacts/artifacts/0/big", 200},
			{"/metrics", 70},
		},
	})
	require.NoError(t, err)
	result, err := s.docker.Exec(t.Context(), s.container, []string{"python", "-c", tooLargeScript}, engine.Stdin(strings.NewReader(string(input))))
	require.NoError(t, err)
	require.NoError(t, result.Err())
	var answers [][]any
	require.NoError(t, json.Unmarshal([]byte(result.Stdout), &answers), result.Stdout)
	for i, want := range []struct {
		status float64
		text   string
	}{
		{http.StatusRequestEntityTooLarge, "larger than 6144 MiB"},
		{http.StatusRequestEntityTooLarge, "larger than 16 MiB"},
		{http.StatusRequestEntityTooLarge, "longer than 4 MiB"},
		{http.StatusUnauthorized, ""}, // within the limit, and without credentials
		{http.StatusNotFound, ""},
	} {
		require.Equal(t, want.status, answers[i][0], "%v", answers)
		require.Contains(t, answers[i][1], want.text)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
