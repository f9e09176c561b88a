package edge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority signs certificates for the tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(made)
	require.NoError(t, err)
	return &authority{parsed, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}))}
}

// sign creates a certificate for names and 127.0.0.1, and its key, both in PEM.
func (a *authority) sign(t *testing.T, names ...string) (chain, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	made, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &private.PublicKey, a.key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(a.pem)))
	return pool
}

func TestTheOperatorsOwnCertificateIsServedForBothNames(t *testing.T) {
	a := newAuthority(t)
	chain, key := a.sign(t, "mlflow.edge.test", "auth.edge.test")
	s := launch(t, newPorts(t), map[string]string{"EDGE_CERTIFICATES": "files", "EDGE_CERTIFICATE": chain, "EDGE_KEY": key})
	s.await(t, a.pool(t))
	require.Equal(t, http.StatusOK, s.status(t, s.mlflow+"/"))
	require.Equal(t, http.StatusOK, s.status(t, s.keycloak+"/realms/mlflow"))
	info, err := os.Stat(filepath.Join(s.folder, "memory/key.pem"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NotContains(t, s.log(), "PRIVATE KEY")
}

func TestTheImageNamesEachVariableThatItLacks(t *testing.T) {
	for certificates, want := range map[string]string{
		"":         "EDGE_CERTIFICATES is '', want internal, files or acme",
		"files":    "empty: EDGE_REALM EDGE_CERTIFICATE EDGE_KEY",
		"acme":     "empty: EDGE_REALM EDGE_ACME_DIRECTORY EDGE_ACME_EMAIL",
		"internal": "empty: EDGE_REALM",
	} {
		s := launch(t, newPorts(t), map[string]string{"EDGE_CERTIFICATES": certificates, "EDGE_REALM": ""})
		require.Eventually(t, func() bool { return strings.Contains(s.log(), want) }, patience, tick, "want %q, got %q", want, s.log())
	}
}

// A real ACME server checks, over HTTP or TLS, whether the names are the edge's.
func TestCertificatesAreObtainedFromAnACMEAuthority(t *testing.T) {
	api := newAuthority(t)
	chain, key := api.sign(t, "localhost")
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	p := freePorts(t, 3)
	directory, management, names := p[0], p[1], p[2]
	ports := newPorts(t)
	number := func(port string) int {
		n, err := strconv.Atoi(port)
		require.NoError(t, err)
		return n
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": "127.0.0.1:" + directory, "managementListenAddress": "127.0.0.1:" + management,
		"certificate": write("chain.pem", chain), "privateKey": write("key.pem", key),
		"httpPort": number(ports["plain"]), "tlsPort": number(ports["tls"]), "ocspResponderURL": "",
	}})
	require.NoError(t, err)
	background(t, program(t, "authority", "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv", "challtestsrv"),
		"-dnsserver", "127.0.0.1:"+names, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-management", "127.0.0.1:0")
	background(t, program(t, "authority", "github.com/letsencrypt/pebble/v2/cmd/pebble", "pebble"),
		"-config", write("pebble.json", string(config)), "-strict", "-dnsserver", "127.0.0.1:"+names)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: api.pool(t), MinVersion: tls.VersionTLS12}}}
	pool := x509.NewCertPool()
	require.Eventually(t, func() bool {
		answer, err := client.Get("https://127.0.0.1:" + management + "/roots/0")
		if err != nil {
			return false
		}
		defer func() { _ = answer.Body.Close() }()
		content, err := io.ReadAll(answer.Body)
		return err == nil && pool.AppendCertsFromPEM(content)
	}, patience, tick)

	s := launch(t, ports, map[string]string{
		"EDGE_CERTIFICATES": "acme", "EDGE_ACME_DIRECTORY": "https://127.0.0.1:" + directory + "/dir", "EDGE_ACME_EMAIL": "ops@edge.test", "EDGE_ACME_ROOT": api.pem,
	})
	s.await(t, pool)
	require.Equal(t, http.StatusOK, s.status(t, s.mlflow+"/"))
	require.Equal(t, http.StatusOK, s.status(t, s.keycloak+"/realms/mlflow"))
}

// background runs a program until the end of the test.
func background(t *testing.T, path string, args ...string) {
	t.Helper()
	said := &output{}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), path, args...)
	command.Stdout, command.Stderr = said, said
	// An authority that is slow and refuses now and then is a different test.
	command.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			said.mu.Lock()
			defer said.mu.Unlock()
			t.Logf("%s said:\n%s", filepath.Base(path), said.text.String())
		}
	})
}
