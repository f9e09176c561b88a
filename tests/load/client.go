// Package load is a client that uses MLflow as a team's scripts do: with a
// token, over connections that stay open, many at once.
//
// It talks to this machine alone and is bounded in time, so that a test that uses
// it can neither reach anybody else nor go on for ever.
package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 1 << 20

// Server is where to ask, and as whom.
type Server struct {
	// URL is what a browser sees, without a trailing slash.
	URL string
	// At is host and port to connect to in place of those in URL: the way to a
	// name that only a front on this machine answers to. Empty takes URL's own.
	At string
	// Header is sent with every request; it may hold a token, so never print it.
	Header http.Header
	// Trust are the authorities that a certificate may come from; nil are the
	// machine's own.
	Trust *x509.CertPool
}

// errElsewhere is wrapped when a server is not on this machine.
var errElsewhere = errors.New("load is for servers on this machine alone")

// Address is where connections to the server go. It is on this machine, or an
// error.
func (s Server) Address() (string, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("URL %q: want http or https, a host, and no more", s.URL)
	}
	at := s.At
	if at == "" {
		at = u.Host
		if u.Port() == "" {
			at = net.JoinHostPort(u.Hostname(), u.Scheme)
		}
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return "", fmt.Errorf("address of %s: %w", s.URL, err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("%s is at %s: %w", s.URL, at, errElsewhere)
	}
	return net.JoinHostPort(host, port), nil
}

// Client keeps its connections open from one request to the next. It is safe
// for concurrent use.
type Client struct {
	server Server
	http   http.Client
}

// Open makes a client; nothing is asked yet.
func Open(server Server) (*Client, error) {
	at, err := server.Address()
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	return &Client{server: server, http: http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, at)
			},
			TLSClientConfig:     &tls.Config{RootCAs: server.Trust, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 1 << 10,
		},
	}}, nil
}

// Close gives up the connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends a request and reads the answer, as JSON where into is not nil. Any
// status but 200 is an error. Errors repeat the answer, never the request.
func (c *Client) Do(ctx context.Context, method, path string, body []byte, into any) (err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range c.server.Header {
		request.Header[name] = values
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: got %s: %.300s", method, path, answer.Status, said)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(said, into)
}

// Post is Do with a JSON body.
func (c *Client) Post(ctx context.Context, path string, body, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.Do(ctx, http.MethodPost, path, encoded, into)
}
