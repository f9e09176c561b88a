package browser

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func address(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

// sent returns what the jar sends to an address, as a Cookie header.
func sent(t *testing.T, j *jar, to string) string {
	t.Helper()
	header := ""
	for _, c := range j.Cookies(address(t, to)) {
		if header != "" {
			header += "; "
		}
		header += c.Name + "=" + c.Value
	}
	return header
}

// receive stores one Set-Cookie header from an address.
func receive(t *testing.T, j *jar, from, line string) {
	t.Helper()
	cookie, err := http.ParseSetCookie(line)
	require.NoError(t, err)
	j.SetCookies(address(t, from), []*http.Cookie{cookie})
}

func TestSecureCookiesTravelOverHTTPOnLoopbackOnly(t *testing.T) {
	for _, test := range []struct {
		origin string
		sent   string
	}{
		{"http://localhost:8080/", "a=1"},
		{"http://LOCALHOST:8080/", "a=1"},
		{"http://keycloak.localhost/", "a=1"},
		{"http://127.0.0.1:8080/", "a=1"},
		{"http://127.8.9.10/", "a=1"},
		{"http://[::1]:8080/", "a=1"},
		{"https://mlflow.example.com/", "a=1"},
		{"http://mlflow.example.com/", ""},
		{"http://192.168.1.5/", ""},
		{"http://localhost.example.com/", ""},
		{"http://notlocalhost/", ""},
	} {
		j := newJar()
		receive(t, j, test.origin, "a=1; Secure; Path=/")
		require.Equal(t, test.sent, sent(t, j, test.origin), test.origin)
		require.Equal(t, test.sent == "", len(j.refusals()) == 1, "%s: %v", test.origin, j.refusals())
	}
}

func TestASecureCookieOfHTTPSIsNotSentOverHTTP(t *testing.T) {
	j := newJar()
	receive(t, j, "https://mlflow.example.com/", "a=1; Secure; Path=/")
	require.Empty(t, sent(t, j, "http://mlflow.example.com/"))
}

func TestCookiesAreKeptPerHostAndNotPerPort(t *testing.T) {
	j := newJar()
	receive(t, j, "http://localhost:8080/", "a=1; Path=/")
	require.Equal(t, "a=1", sent(t, j, "http://localhost:5000/"))
	require.Empty(t, sent(t, j, "http://127.0.0.1:8080/"))
	require.Empty(t, sent(t, j, "http://sub.localhost:8080/"))
}

func TestACookieWithoutDomainStaysOnItsHost(t *testing.T) {
	j := newJar()
	receive(t, j, "https://auth.example.com/", "own=1; Path=/")
	receive(t, j, "https://auth.example.com/", "shared=1; Path=/; Domain=example.com")
	receive(t, j, "https://auth.example.com/", "foreign=1; Path=/; Domain=example.org")
	receive(t, j, "https://auth.example.com/", "suffix=1; Path=/; Domain=com")
	require.Equal(t, "shared=1", sent(t, j, "https://mlflow.example.com/"))
	require.Equal(t, "own=1; shared=1", sent(t, j, "https://auth.example.com/"))
}

func TestCookiesFollowTheirPath(t *testing.T) {
	j := newJar()
	receive(t, j, "http://localhost/realms/mlflow/login", "a=1; Path=/realms/mlflow/")
	require.Equal(t, "a=1", sent(t, j, "http://localhost/realms/mlflow/x"))
	require.Empty(t, sent(t, j, "http://localhost/realms/master/"))
}

func TestCookiesEnd(t *testing.T) {
	j := newJar()
	receive(t, j, "http://localhost/", "a=1; Path=/; Max-Age=3600")
	receive(t, j, "http://localhost/", "b=1; Path=/; Expires="+time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	require.Equal(t, "a=1", sent(t, j, "http://localhost/"))
	receive(t, j, "http://localhost/", "a=; Path=/; Max-Age=0")
	require.Empty(t, sent(t, j, "http://localhost/"))
}

func TestPrefixedNamesAreHeldToTheirPromise(t *testing.T) {
	const origin = "https://mlflow.example.com/"
	for _, test := range []struct {
		line  string
		taken bool
	}{
		{"__Host-a=1; Secure; Path=/", true},
		{"__Host-a=1; Secure; Path=/app", false},
		{"__Host-a=1; Secure; Path=/; Domain=mlflow.example.com", false},
		{"__Host-a=1; Path=/", false},
		{"__host-a=1; Path=/", false},
		{"__Secure-a=1; Secure; Path=/app", true},
		{"__Secure-a=1; Path=/", false},
	} {
		j := newJar()
		receive(t, j, origin, test.line)
		require.Equal(t, test.taken, sent(t, j, origin+"app") != "", test.line)
		require.Equal(t, test.taken, len(j.refusals()) == 0, test.line)
	}
}
