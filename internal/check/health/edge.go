package health

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
)

// soon is the remaining lifetime at which a certificate should have been renewed. The edge renews
// certificates when a third of their lifetime is left, including its own, which last half a day.
var soon = map[string]time.Duration{edge.Internal: time.Hour, edge.ACME: 10 * 24 * time.Hour, edge.Files: 14 * 24 * time.Hour}

// site is a public address of the stack.
type site struct{ host, port string }

func (d *doctor) sites() (all []site, err error) {
	for _, address := range []string{d.Stack.MLflow.URL, d.Stack.Keycloak.URL} {
		u, failed := url.Parse(address)
		if failed != nil {
			return nil, fmt.Errorf("address of the stack: %w", failed)
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		all = append(all, site{u.Hostname(), port})
	}
	return all, nil
}

// shown returns the certificates that a server presents for a host. The caller verifies them, so
// the handshake accepts any, and nothing else is sent.
func shown(ctx context.Context, at, host string) ([]*x509.Certificate, error) {
	dialer := tls.Dialer{Config: &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}} //nolint:gosec // inspected, not trusted
	connection, err := dialer.DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates, nil
}

// checkCertificates requests the edge's certificates for both names on this machine.
func (d *doctor) checkCertificates(ctx context.Context) ([]Finding, error) {
	way, err := edgeclient.Open(ctx, d.Stack, d.docker)
	if err != nil {
		return nil, err
	}
	sites, err := d.sites()
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, s := range sites {
		chain, failed := shown(ctx, d.Stack.Edge.HTTPS, s.host)
		if failed != nil {
			found = append(found, Finding{
				ID: EdgeUnreachable, Component: Edge, Summary: "the edge does not answer for " + s.host, Got: failed.Error(), Wanted: "a TLS handshake",
				Cause: "container " + d.container(Edge), Fix: "docker restart " + d.container(Edge),
			})
			continue
		}
		found = append(found, d.judgeCertificate(s.host, chain, way.Authority, time.Now())...)
	}
	return found, nil
}

// judgeCertificate requires a valid certificate of a trusted authority for the name. authority is
// the edge's own in PEM; empty for this machine's trust store.
func (d *doctor) judgeCertificate(host string, chain []*x509.Certificate, authority string, now time.Time) []Finding {
	kind := d.Stack.Edge.Certificates
	finding := func(id check.ID, what, got, wanted string) []Finding {
		cause, fix := "setting edge.certificates, "+kind, "docker restart "+d.container(Edge)
		if kind == edge.Files {
			cause, fix = "the file of setting edge.certificateFile", d.up()+" # once the file is a new one"
		}
		return []Finding{{ID: id, Component: Edge, Summary: what, Got: got, Wanted: wanted, Cause: cause, Fix: fix}}
	}
	leaf := chain[0]
	switch {
	case now.After(leaf.NotAfter):
		return finding(CertificateExpired, "the certificate for "+host+" has expired", leaf.NotAfter.UTC().Format(time.RFC3339), "a later end")
	case now.Before(leaf.NotBefore):
		return finding(CertificateNotYetValid, "the certificate for "+host+" is not valid yet", leaf.NotBefore.UTC().Format(time.RFC3339), "an earlier beginning, or a right clock")
	case leaf.VerifyHostname(host) != nil:
		return finding(CertificateNames, "the certificate is for other names than "+host, strings.Join(leaf.DNSNames, ", "), host)
	case now.Add(soon[kind]).After(leaf.NotAfter):
		return finding(CertificateSoon, "the certificate for "+host+" ends soon and was not renewed", leaf.NotAfter.UTC().Format(time.RFC3339), "an end in "+soon[kind].String()+" or later")
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM([]byte(authority))
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now}); err != nil {
		return finding(CertificateUntrusted, "the certificate for "+host+" is of an authority that this machine does not know", err.Error(), "a chain to a trusted authority")
	}
	return nil
}

// unresolved are names that need no DNS entry.
func unresolved(host string) bool {
	return net.ParseIP(host) != nil || host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test")
}

// checkNames connects to the public names, and compares the certificate there with the edge's:
// one that differs indicates interception.
func (d *doctor) checkNames(ctx context.Context) (found []Finding, err error) {
	sites, err := d.sites()
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		if unresolved(s.host) {
			continue
		}
		if _, failed := net.DefaultResolver.LookupHost(ctx, s.host); failed != nil {
			found = append(found, Finding{
				ID: NameUnresolved, Component: Edge, Summary: "the name " + s.host + " cannot be resolved", Got: failed.Error(), Wanted: "this machine's address",
				Cause: "the DNS record of " + s.host, Fix: "getent hosts " + s.host + " # once the record exists",
			})
			continue
		}
		own, failed := shown(ctx, d.Stack.Edge.HTTPS, s.host)
		if failed != nil {
			continue // reported by the check of certificates
		}
		public, failed := shown(ctx, net.JoinHostPort(s.host, s.port), s.host)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s is not reached from here, maybe because the router does not route back to this machine: %w", s.host, failed))
			continue
		}
		found = append(found, d.judgePublic(s.host, own[0], public[0])...)
	}
	return found, err
}

// judgePublic requires the edge's own certificate at the public address.
func (d *doctor) judgePublic(host string, own, public *x509.Certificate) []Finding {
	if bytes.Equal(own.Raw, public.Raw) {
		return nil
	}
	return []Finding{{
		ID: Intercepted, Component: Edge, Summary: "clients of " + host + " get another certificate than the edge's: the name resolves to another server, or the connection is intercepted",
		Got: "one of " + public.Issuer.String(), Wanted: "the edge's, of " + own.Issuer.String(), Cause: "the network between, or the DNS record of " + host,
		Fix: fmt.Sprintf("getent hosts %s # and compare with this machine's addresses", host),
	}}
}
