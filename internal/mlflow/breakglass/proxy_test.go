package breakglass

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// opened is a proxy to a server that records requests.
func opened(t *testing.T, until time.Time) (*LoginProxy, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, token, _ := r.BasicAuth()
		_, _ = io.WriteString(w, strings.Join([]string{r.Host, name, token, r.Header.Get("Origin"), r.Header.Get("Cookie")}, "|"))
	}))
	t.Cleanup(server.Close)
	door, err := Open(t.Context(), &TemporaryAdmin{Username: "break-glass-x", Token: "the-token", Until: until}, server.URL, http.DefaultTransport, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, door.Close()) })
	return door, server.URL
}

func get(t *testing.T, client *http.Client, address string, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	if change != nil {
		change(r)
	}
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

func TestOnlyABrowserThatOpensTheAddressIsSignedIn(t *testing.T) {
	door, mlflow := opened(t, time.Now().Add(time.Hour))
	root, _, _ := strings.Cut(door.Address, "?")
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}

	status, body := get(t, browser, root, nil)
	require.Equal(t, http.StatusForbidden, status)
	require.NotContains(t, body, "the-token")
	status, _ = get(t, browser, root+"?key=another", nil)
	require.Equal(t, http.StatusForbidden, status)

	status, body = get(t, browser, door.Address, nil)
	require.Equal(t, http.StatusOK, status)
	host := strings.TrimPrefix(mlflow, "http://")
	require.Equal(t, host+"|break-glass-x|the-token||", body)
	_, body = get(t, browser, root+"ajax-api", func(r *http.Request) { r.Header.Set("Origin", strings.TrimSuffix(root, "/")) })
	require.Equal(t, host+"|break-glass-x|the-token|"+mlflow+"|", body, "MLflow refuses other origins than its own")

	// Like a page on another site whose name resolves to this address.
	status, _ = get(t, browser, root, func(r *http.Request) { r.Host = "evil.example" })
	require.Equal(t, http.StatusForbidden, status)
}

func TestTheLoginProxyStopsWhenTheTimeIsOver(t *testing.T) {
	door, _ := opened(t, time.Now().Add(-time.Second))
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	status, body := get(t, &http.Client{Jar: jar}, door.Address, nil)
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "the time is over")
}

func TestAPassNeedsItsTimeItsPersonAndItsReason(t *testing.T) {
	g := &Manager{}
	for _, length := range []time.Duration{0, time.Second, 90 * time.Second, MaxDuration + time.Minute} {
		_, err := g.Grant(t.Context(), length, "ada", "Keycloak is down")
		require.ErrorContains(t, err, "want whole minutes")
	}
	for _, pair := range [][2]string{{"", "why"}, {"who", " "}} {
		_, err := g.Grant(t.Context(), time.Minute, pair[0], pair[1])
		require.ErrorContains(t, err, "want both")
	}
}
