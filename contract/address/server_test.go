package address

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServerIsHostAndPort(t *testing.T) {
	s := Server{Host: "postgres", Port: 5432}
	require.Equal(t, "postgres:5432", s.String())
	require.False(t, s.IsZero())
	require.True(t, Server{}.IsZero())
}

func TestAnExternalServerIsAcceptedIfAContainerCanReachIt(t *testing.T) {
	for _, s := range []Server{
		{"db.example.com", 5432, true},
		{"203.0.113.7", 5432, true},
		{"10.0.0.7", 5432, false},
		{"172.17.0.1", 5432, false},
		{"192.168.1.2", 5432, false},
	} {
		require.NoError(t, s.CheckExternal(), "of %s", s)
	}
}

func TestAnExternalServerIsRefusedWithWhatWasGotAndWhatIsWanted(t *testing.T) {
	for host, want := range map[string]string{
		"":                  `got host "", want a full domain name`,
		"db":                `got host "db", want a full domain name`,
		"DB.example.com":    "in lower case",
		"db.example.com:1":  "want a full domain name",
		"http://db.example": "want a full domain name",
		"me:pw@db.example":  "want a full domain name",
		"localhost":         "in a container is that container",
		"db.localhost":      "in a container is that container",
		"127.0.0.1":         "in a container is that container",
		"0.0.0.0":           "in a container is that container",
		"::1":               "in a container is that container",
		"2001:db8::7":       "have no IPv6",
	} {
		require.ErrorContains(t, Server{host, 5432, true}.CheckExternal(), want, "for %q", host)
	}
	require.ErrorContains(t, Server{"db.example.com", 0, true}.CheckExternal(), "got port 0, want 1 to 65535")
	require.ErrorContains(t, Server{"db.example.com", 65536, true}.CheckExternal(), "got port 65536")
}

// A password in plain text stays on a network without other parties.
func TestWithoutTLSOnlyAPrivateAddressIsAccepted(t *testing.T) {
	for _, host := range []string{"db.example.com", "203.0.113.7", "100.64.0.1", "169.254.1.1", "172.32.0.1"} {
		require.ErrorContains(t, Server{host, 5432, false}.CheckExternal(), "got tls false", "for %s", host)
		require.NoError(t, Server{host, 5432, true}.CheckExternal(), "for %s", host)
	}
}
