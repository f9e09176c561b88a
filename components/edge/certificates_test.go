package edge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var hosts = []string{"mlflow.example.com", "auth.example.com"}

// pair writes a certificate for the given names and its key, and returns the two files.
func pair(t *testing.T, from, to time.Time, names ...string) (chain, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: from, NotAfter: to}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	chain, key = filepath.Join(t.TempDir(), "chain.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), 0o644))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return chain, key
}

func TestAPairIsReadOnlyWhereABrowserWouldTakeIt(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	chain, key := pair(t, now.Add(-day), now.Add(day), hosts...)
	read, err := ReadKeyPair(chain, key, hosts, now)
	require.NoError(t, err)
	require.Contains(t, read.Chain, "BEGIN CERTIFICATE")
	require.Contains(t, read.Key, "BEGIN PRIVATE KEY")

	_, otherKey := pair(t, now.Add(-day), now.Add(day), hosts...)
	_, err = ReadKeyPair(chain, otherKey, hosts, now)
	require.ErrorContains(t, err, "are no pair of a certificate and its key")

	_, err = ReadKeyPair(chain, key, hosts, now.Add(2*day))
	require.ErrorContains(t, err, "want a certificate for today")
	_, err = ReadKeyPair(chain, key, hosts, now.Add(-2*day))
	require.ErrorContains(t, err, "want a certificate for today")

	one, oneKey := pair(t, now.Add(-day), now.Add(day), hosts[0])
	_, err = ReadKeyPair(one, oneKey, hosts, now)
	require.ErrorContains(t, err, "is for mlflow.example.com, want auth.example.com too")

	wild, wildKey := pair(t, now.Add(-day), now.Add(day), "*.example.com")
	_, err = ReadKeyPair(wild, wildKey, hosts, now)
	require.NoError(t, err)

	require.NoError(t, os.Chmod(key, 0o644))
	_, err = ReadKeyPair(chain, key, hosts, now)
	require.ErrorContains(t, err, "can be read by everyone")
}

func TestNoErrorAboutAPairRepeatsTheKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	const secret = "c2VjcmV0IGtleSBtYXRlcmlhbA"
	require.NoError(t, os.WriteFile(file, []byte("-----BEGIN PRIVATE KEY-----\n"+secret+"\n-----END PRIVATE KEY-----\n"), 0o600))
	chain, _ := pair(t, time.Now(), time.Now().Add(time.Hour), hosts...)
	_, err := ReadKeyPair(chain, file, hosts, time.Now())
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
}

func TestAMissingOrInvalidPEMFileIsNamed(t *testing.T) {
	chain, key := pair(t, time.Now(), time.Now().Add(time.Hour), hosts...)
	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("no certificate"), 0o600))
	for name, test := range map[string]struct{ chain, key, want string }{
		"nothing":  {"", key, `got "", want the path of a file`},
		"relative": {"chain.pem", key, `got "chain.pem", want an absolute path`},
		"missing":  {chain, "/nowhere/key.pem", `got "/nowhere/key.pem", which does not exist`},
		"text":     {text, key, "is not in PEM"},
	} {
		_, err := ReadKeyPair(test.chain, test.key, hosts, time.Now())
		require.ErrorContains(t, err, test.want, name)
	}
	_, err := ReadRoot(key)
	require.ErrorContains(t, err, "holds no certificate")
	root, err := ReadRoot(chain)
	require.NoError(t, err)
	require.Contains(t, root, "BEGIN CERTIFICATE")
}

func TestCertificatesWithoutWhatTheirSourceNeedsAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		c    Certificates
		want string
	}{
		"source":    {Certificates{Source: "none"}, `from "none", want one of internal, files, acme`},
		"no pair":   {Certificates{Source: Files}, "no chain or no key"},
		"directory": {Certificates{Source: ACME, Email: "a@example.com", Directory: "acme.example.com"}, "want an https URL"},
		"email":     {Certificates{Source: ACME, Email: "operator", Directory: "https://acme.example.com/directory"}, "want one address"},
	} {
		require.ErrorContains(t, test.c.Validate(), test.want, name)
	}
	require.NoError(t, Certificates{Source: Internal}.Validate())
	require.NoError(t, Certificates{Source: ACME, Email: "a@example.com", Directory: "https://acme.example.com/directory"}.Validate())
}
