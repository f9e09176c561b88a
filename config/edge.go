package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/components/network"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// The edge stores the time of that many requests, 24 bytes each, for every client address: with
// 1000 times as many it used up its memory on the first address, and hung for two minutes.
const (
	mostLoginsPerMinute   = 2000
	mostRequestsPerSecond = 2000
)

// edge validates the reverse proxy's settings. They are ignored without an edge.
func (v *validation) edge(c *Config) {
	e := c.Edge
	v.oneOf("edge.certificates", e.Certificates, append([]string{NoEdge}, edge.Sources()...))
	if !e.Enabled() || !slices.Contains(edge.Sources(), e.Certificates) {
		return
	}
	v.edgePorts(c)
	v.edgeNames(c)
	if err := network.CheckSubnet(e.Subnet); err != nil {
		v.fail("edge.subnet", "got %s, %v", e.Subnet, err)
	}
	v.between("edge.maxRequestMB", e.MaxRequestMB, 64, 1<<20)
	v.between("edge.loginsPerMinute", e.LoginsPerMinute, 5, mostLoginsPerMinute)
	v.between("edge.requestsPerSecond", e.RequestsPerSecond, 10, mostRequestsPerSecond)
	v.between("edge.memoryMB", e.MemoryMB, 64, 1<<20)
	switch e.Certificates {
	case edge.ACME:
		if err := edge.CheckDirectory(e.ACMEDirectory); err != nil {
			v.fail("edge.acmeDirectory", "got %q, %v", e.ACMEDirectory, err)
		}
		if err := edge.CheckEmail(e.ACMEEmail); err != nil {
			v.fail("edge.acmeEmail", "got %q, %v", e.ACMEEmail, err)
		}
	case edge.Files:
		hosts := []string{c.MLflow.PublicURL.Name(), c.Keycloak.PublicURL.Name()}
		if _, err := edge.ReadKeyPair(e.CertificateFile, e.KeyFile, hosts, time.Now()); err != nil {
			v.fail("edge.certificateFile and edge.keyFile", "%w", err)
		}
	}
	if e.ACMERootFile != "" {
		if _, err := edge.ReadRoot(e.ACMERootFile); err != nil {
			v.fail("edge.acmeRootFile", "%w", err)
		}
	}
}

func (v *validation) edgePorts(c *Config) {
	v.between("edge.httpPort", c.Edge.HTTPPort, 1, 65535)
	v.between("edge.httpsPort", c.Edge.HTTPSPort, 1, 65535)
}

func (v *validation) edgeNames(c *Config) {
	application, keycloak := c.MLflow.PublicURL, c.Keycloak.PublicURL
	for _, s := range []struct {
		key    string
		public address.Public
	}{{"mlflow.publicURL", application}, {"keycloak.publicURL", keycloak}} {
		_, ipErr := netip.ParseAddr(s.public.Name())
		switch {
		case s.public.IsZero(): // already reported
		case !s.public.TLS():
			v.fail(s.key, "got %q while edge.certificates is %s, want https", s.public, c.Edge.Certificates)
		case s.public.Port() != c.Edge.HTTPSPort:
			v.fail(s.key, "got %q, which is port %d, while edge.httpsPort is %d, want the same", s.public, s.public.Port(), c.Edge.HTTPSPort)
		case ipErr == nil || !strings.Contains(s.public.Name(), "."):
			v.fail(s.key, "got %q, want a full domain name: a certificate is for a name", s.public)
		}
	}
	if !application.IsZero() && application.Name() == keycloak.Name() {
		v.fail("keycloak.publicURL", "got %q, which has the same host name as mlflow.publicURL, want another: the edge distinguishes them by name", keycloak)
	}
}
