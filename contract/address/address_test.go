package address

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublicAddressIsWhatTheBrowserCallsAnOrigin(t *testing.T) {
	for text, want := range map[string]struct {
		host     string
		port     int
		tls      bool
		loopback bool
	}{
		"http://localhost:5000":      {"localhost:5000", 5000, false, true},
		"http://localhost":           {"localhost", 80, false, true},
		"http://127.0.0.1:8080":      {"127.0.0.1:8080", 8080, false, true},
		"http://127.8.8.8:8080":      {"127.8.8.8:8080", 8080, false, true},
		"http://[::1]:8080":          {"[::1]:8080", 8080, false, true},
		"http://[::1]":               {"[::1]", 80, false, true},
		"https://mlflow.example.com": {"mlflow.example.com", 443, true, false},
		"https://a.example.com:8443": {"a.example.com:8443", 8443, true, false},
		"http://192.168.1.2:5000":    {"192.168.1.2:5000", 5000, false, false},
		"https://localhost.evil.com": {"localhost.evil.com", 443, true, false},
	} {
		t.Run(text, func(t *testing.T) {
			p, err := ParsePublic(text)
			require.NoError(t, err)
			require.Equal(t, text, p.String())
			require.Equal(t, want.host, p.Host())
			require.Equal(t, want.port, p.Port())
			require.Equal(t, want.tls, p.TLS())
			require.Equal(t, want.loopback, p.Loopback())
			require.Equal(t, text+"/path", p.URL("/path"))
			require.False(t, p.IsZero())
		})
	}
}

func TestPublicAddressIsRefusedWithWhatWasGotAndWhatIsWanted(t *testing.T) {
	for text, want := range map[string]string{
		"":                           `got "", want an origin`,
		"localhost:5000":             "want an origin",
		"mlflow.example.com":         "want an origin",
		"//mlflow.example.com":       "want http or https",
		"ftp://example.com":          `got scheme "ftp"`,
		"http://":                    "want an origin",
		"http://localhost:5000/":     "something after the host",
		"http://localhost:5000/ui":   "something after the host",
		"http://localhost:5000?a=b":  "something after the host",
		"http://localhost:5000?":     "something after the host",
		"http://localhost:5000#a":    "something after the host",
		"http://localhost:5000#":     "something after the host",
		"http://keycloak:8080":       "a browser cannot resolve",
		"http://mlflow":              "a browser cannot resolve",
		"https://MLflow.example.com": "want lower case",
		"http://localhost:0":         "want 1 to 65535",
		"http://localhost:65536":     "want 1 to 65535",
		"http://localhost:":          "an empty port",
		"http://localhost:80":        "want it left out",
		"https://a.example.com:443":  "want it left out",
		"http://local host:5000":     "want an origin",
		"http:localhost":             "want an origin",
		"HTTP://localhost:5000":      "want an origin",
		"http://.":                   "want an origin",
		"http://example.com.":        "want an origin",
		"http://a..b":                "want an origin",
		"http://a_b.example.com":     "want an origin",
		"http://a.example.com,b.c":   "want an origin",
		"http://%65xample.com":       "want an origin",
	} {
		t.Run(text, func(t *testing.T) {
			p, err := ParsePublic(text)
			require.ErrorContains(t, err, want)
			require.True(t, p.IsZero())
		})
	}
}

func TestPasswordInAnAddressIsNotRepeated(t *testing.T) {
	_, err := ParsePublic("http://me:hunter2@example.com")
	require.ErrorContains(t, err, "a user in it")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestInternalAddressIsHostAndPort(t *testing.T) {
	i := Internal{Host: "keycloak", Port: 8080}
	require.Equal(t, "keycloak:8080", i.String())
	require.Equal(t, "http://keycloak:8080/realms/mlflow", i.URL("/realms/mlflow"))
	require.False(t, i.IsZero())
	require.True(t, Internal{}.IsZero())
}

// Only an exact origin is accepted, whatever the input is.
func FuzzAcceptedAddressIsAnOrigin(f *testing.F) {
	for _, seed := range []string{"http://localhost:5000", "https://mlflow.example.com", "http://[::1]:80", "http://a.b:", "http://a.b\\c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePublic(text)
		if err != nil {
			require.True(t, p.IsZero())
			return
		}
		require.Equal(t, text, p.String())
		require.Equal(t, strings.ToLower(p.Host()), p.Host())
		require.True(t, p.Port() > 0 && p.Port() < 65536)
		u, err := url.Parse(p.URL("/path"))
		require.NoError(t, err)
		require.Equal(t, p.Host(), u.Host)
		require.Equal(t, "/path", u.Path)
		require.Nil(t, u.User)
		again, err := ParsePublic(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}
