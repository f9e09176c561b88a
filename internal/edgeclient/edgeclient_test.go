package edgeclient

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// a client that connects to a server under a name that does not resolve.
func leading(t *testing.T, server *httptest.Server, pool *x509.CertPool) *Client {
	t.Helper()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	return &Client{pool: pool, hosts: map[string]string{"example.com:8443": u.Host}}
}

func served(t *testing.T) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Host)) }))
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate()) // its certificate is for example.com
	return server, pool
}

func get(t *testing.T, client *http.Client, address string) error {
	t.Helper()
	answer, err := client.Get(address)
	if err == nil {
		require.NoError(t, answer.Body.Close())
	}
	return err
}

func TestAPublicNameLeadsToThisMachineAndItsCertificateIsChecked(t *testing.T) {
	server, pool := served(t)
	require.NoError(t, get(t, leading(t, server, pool).HTTP(), "https://example.com:8443/"))

	require.ErrorContains(t, get(t, leading(t, server, x509.NewCertPool()).HTTP(), "https://example.com:8443/"), "certificate")
	other := leading(t, server, pool)
	other.hosts["other.test:8443"] = other.hosts["example.com:8443"]
	require.ErrorContains(t, get(t, other.HTTP(), "https://other.test:8443/"), "certificate", "a certificate for another name is taken")
}

func TestAClientWithoutTheAuthorityRefusesTheCertificate(t *testing.T) {
	server, pool := served(t)
	front := leading(t, server, pool)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{Transport: transport}
	front.ViaEdgeSystemTrust(client, transport)
	require.ErrorContains(t, get(t, client, "https://example.com:8443/"), "certificate")
}

func TestWithoutAnEdgeThereIsNoAuthorityAndNoDetour(t *testing.T) {
	front, err := Open(t.Context(), outputs.Stack{}, nil)
	require.NoError(t, err)
	require.Empty(t, front.hosts)
	require.Empty(t, front.Authority)

	_, err = Authority(t.Context(), outputs.Stack{Deployment: "some"}, nil)
	require.ErrorIs(t, err, ErrNoAuthority)
	_, err = Authority(t.Context(), outputs.Stack{Edge: outputs.Edge{Container: "some-edge", Certificates: "acme"}}, nil)
	require.ErrorIs(t, err, ErrNoAuthority)
	require.ErrorContains(t, err, "edge.certificates is acme")
}
