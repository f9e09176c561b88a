// Package edgeclient connects to the public addresses of a stack from this machine.
//
// If the stack has an edge, connections for its public names use the edge's published port on
// this machine, whatever the names resolve to. A check therefore proves this deployment and not
// DNS, and works before DNS does. Names and certificates are still verified. The edge's internal
// authority is read from its container and trusted in addition to this machine's own;
// verification is never skipped.
package edgeclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// ErrNoAuthority is wrapped if a stack has no certificate authority of its own.
var ErrNoAuthority = errors.New("no certificate authority of its own")

// Client connects to a stack's public addresses.
type Client struct {
	// Authority is the internal authority's root certificate, in PEM; empty if the certificates
	// come from another source.
	Authority string

	pool  *x509.CertPool
	hosts map[string]string // host:port of a public address to host:port on this machine
}

// Open returns a client for the stack's public addresses.
func Open(ctx context.Context, stack outputs.Stack, docker *engine.Engine) (*Client, error) {
	f := &Client{hosts: map[string]string{}}
	if !stack.Edge.Exists() {
		return f, nil
	}
	for _, address := range []string{stack.MLflow.URL, stack.Keycloak.URL} {
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("address of the stack: %w", err)
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		f.hosts[net.JoinHostPort(u.Hostname(), port)] = stack.Edge.HTTPS
	}
	if stack.Edge.Certificates != edge.Internal {
		return f, nil
	}
	authority, err := Authority(ctx, stack, docker)
	if err != nil {
		return nil, err
	}
	if f.pool, err = x509.SystemCertPool(); err != nil {
		f.pool = x509.NewCertPool() // a machine without a trust store
	}
	if !f.pool.AppendCertsFromPEM([]byte(authority)) {
		return nil, fmt.Errorf("%s holds no certificate of its authority, want one in PEM", stack.Edge.Container)
	}
	f.Authority = authority
	return f, nil
}

// Authority returns the root certificate of the edge's internal authority, in PEM. It is not a
// secret: clients need it to trust the stack. ErrNoAuthority is wrapped if the certificates come
// from another source.
func Authority(ctx context.Context, stack outputs.Stack, docker *engine.Engine) (string, error) {
	switch {
	case !stack.Edge.Exists():
		return "", fmt.Errorf("%s has %w: it is in plain http on this machine", stack.Deployment, ErrNoAuthority)
	case stack.Edge.Certificates != edge.Internal:
		return "", fmt.Errorf("%s has %w: edge.certificates is %s", stack.Deployment, ErrNoAuthority, stack.Edge.Certificates)
	}
	read, err := docker.Run(ctx, stack.Edge.Container, []string{"cat", edge.AuthorityPath}, nil)
	if err != nil {
		return "", fmt.Errorf("read the authority's certificate in %s: %w", stack.Edge.Container, err)
	}
	return string(read), nil
}

// HTTP returns an HTTP client that uses this connection.
func (f *Client) HTTP() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	f.ViaEdge(client, transport)
	return client
}

// ViaEdge makes an HTTP client use this connection.
func (f *Client) ViaEdge(_ *http.Client, transport *http.Transport) {
	if f.pool != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: f.pool, MinVersion: tls.VersionTLS12}
		transport.ForceAttemptHTTP2 = true
	}
	if len(f.hosts) == 0 {
		return
	}
	transport.Proxy = nil // this machine itself
	dialer := &net.Dialer{}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if at, ok := f.hosts[address]; ok {
			address = at
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// ViaEdgeSystemTrust does the same and trusts this machine's own authorities only.
func (f *Client) ViaEdgeSystemTrust(client *http.Client, transport *http.Transport) {
	f.ViaEdge(client, transport)
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
}
