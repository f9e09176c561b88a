package edge

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// Where the certificates come from.
const (
	// Internal is a certificate authority inside the edge, for hosts without a public name.
	Internal = "internal"
	// Files are a certificate chain and a key that the operator provides.
	Files = "files"
	// ACME is a certificate authority such as Let's Encrypt.
	ACME = "acme"
)

// Sources are the possible sources of certificates.
func Sources() []string { return []string{Internal, Files, ACME} }

// Certificates configures the edge's TLS certificates.
type Certificates struct {
	// Source is one of Sources.
	Source string
	// Pair is for Files.
	Pair KeyPair
	// Directory and Email are for ACME: the authority's directory, an https URL, and the contact
	// address. Root is the CA certificate in PEM that the edge trusts for it, if it is not in the
	// system's store.
	Directory, Email, Root string
}

// Validate reports every mistake in the certificates at once.
func (c Certificates) Validate() error {
	var m argcheck.List
	m.Require(slices.Contains(Sources(), c.Source), "Certificates are from %q, want one of %s", c.Source, strings.Join(Sources(), ", "))
	m.Require(c.Source != Files || c.Pair.Chain != "" && c.Pair.Key != "", "Certificates have no chain or no key, want both")
	m.Require(c.Source != ACME || CheckDirectory(c.Directory) == nil, "Certificates have the directory %q, %v", c.Directory, CheckDirectory(c.Directory))
	m.Require(c.Source != ACME || CheckEmail(c.Email) == nil, "Certificates have the e-mail address %q, %v", c.Email, CheckEmail(c.Email))
	return m.Err()
}

// CheckDirectory validates the directory of an ACME authority.
func CheckDirectory(directory string) error {
	if u, err := url.Parse(directory); err != nil || u.Scheme != "https" || u.Host == "" {
		return errors.New(`want an https URL such as "https://acme-v02.api.letsencrypt.org/directory"`)
	}
	return nil
}

// CheckEmail validates the contact address for an ACME authority.
func CheckEmail(email string) error {
	user, domain, ok := strings.Cut(email, "@")
	if !ok || user == "" || !strings.Contains(domain, ".") || strings.ContainsAny(email, " \t\n,;") {
		return errors.New("want one address, to which the authority writes when a certificate ends")
	}
	return nil
}

// addTo adds the certificates to the image's environment.
func (c Certificates) addTo(env map[string]pulumi.StringInput) {
	env["EDGE_CERTIFICATES"] = pulumi.String(c.Source)
	switch c.Source {
	case Files:
		env["EDGE_CERTIFICATE"] = pulumi.String(c.Pair.Chain)
		env["EDGE_KEY"] = pulumi.ToSecret(pulumi.String(c.Pair.Key)).(pulumi.StringOutput)
	case ACME:
		env["EDGE_ACME_DIRECTORY"] = pulumi.String(c.Directory)
		env["EDGE_ACME_EMAIL"] = pulumi.String(c.Email)
		if c.Root != "" {
			env["EDGE_ACME_ROOT"] = pulumi.String(c.Root)
		}
	}
}

// KeyPair is a certificate with its chain, and its key, both in PEM.
type KeyPair struct{ Chain, Key string }

// ReadKeyPair reads a chain and a key, and reports every reason for which a browser would refuse
// them for one of the hosts. No error contains the key.
func ReadKeyPair(chainFile, keyFile string, hosts []string, now time.Time) (KeyPair, error) {
	chain, err := read(chainFile)
	key, keyErr := read(keyFile)
	if err = errors.Join(err, keyErr); err != nil {
		return KeyPair{}, err
	}
	if info, err := os.Stat(keyFile); err == nil && info.Mode().Perm()&0o004 != 0 {
		return KeyPair{}, fmt.Errorf("%s can be read by everyone (mode %#o), want 0600 or 0640", keyFile, info.Mode().Perm())
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("%s and %s are no pair of a certificate and its key: %w", chainFile, keyFile, err)
	}
	var errs []error
	if now.Before(pair.Leaf.NotBefore) || !now.Before(pair.Leaf.NotAfter) {
		errs = append(errs, fmt.Errorf("%s is valid from %s to %s, want a certificate for today", chainFile,
			pair.Leaf.NotBefore.Format(time.DateOnly), pair.Leaf.NotAfter.Format(time.DateOnly)))
	}
	for _, host := range hosts {
		if pair.Leaf.VerifyHostname(host) != nil {
			errs = append(errs, fmt.Errorf("%s is for %s, want %s too", chainFile, strings.Join(pair.Leaf.DNSNames, ", "), host))
		}
	}
	return KeyPair{Chain: strings.TrimSpace(string(chain)), Key: strings.TrimSpace(string(key))}, errors.Join(errs...)
}

// ReadRoot reads CA certificates in PEM.
func ReadRoot(file string) (string, error) {
	content, err := read(file)
	if err != nil {
		return "", err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content) {
		return "", fmt.Errorf("%s holds no certificate, want one in PEM", file)
	}
	return strings.TrimSpace(string(content)), nil
}

func read(file string) ([]byte, error) {
	if file == "" {
		return nil, errors.New(`got "", want the path of a file`)
	}
	if !filepath.IsAbs(file) {
		return nil, fmt.Errorf("got %q, want an absolute path", file)
	}
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("got %q, which does not exist", file)
	}
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(content); block == nil {
		return nil, fmt.Errorf("%s is not in PEM", file)
	}
	return content, nil
}
