// Package loadgen generates the load of a team's scripts: tokens, persistent connections, many
// clients.
//
// It connects to this machine only and has a time limit, so a test that uses it can neither reach
// other machines nor run indefinitely.
package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswer is the maximum number of bytes read of a response.
const maxAnswer = 1 << 20

// Server is the address and the caller.
type Server struct {
	// URL is the public URL, without a trailing slash.
	URL string
	// Header is sent with every request; it may contain a token, so never print it.
	Header http.Header
	// Way changes how connections are opened; nil uses URL.
	Way func(*http.Client, *http.Transport)
}

// ErrNotLocal is wrapped when a server is not on this machine.
var ErrNotLocal = errors.New("load is for servers on this machine alone")

// Client keeps its connections open from one request to the next. It is safe
// for concurrent use.
type Client struct {
	server Server
	http   http.Client
}

// Open returns a client; it sends no request yet.
func Open(server Server) *Client {
	c := &Client{server: server, http: http.Client{Timeout: time.Minute}}
	transport := &http.Transport{DialContext: new(net.Dialer).DialContext, MaxIdleConnsPerHost: 1 << 10}
	if server.Way != nil {
		server.Way(&c.http, transport)
	}
	// One request at a time per connection, with TLS as without it.
	transport.ForceAttemptHTTP2 = false
	transport.DialContext = here(transport.DialContext)
	c.http.Transport = transport
	return c
}

// dial opens connections.
type dial = func(ctx context.Context, network, address string) (net.Conn, error)

// here refuses connections to other machines.
func here(dial dial) dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if peer, ok := connection.RemoteAddr().(*net.TCPAddr); !ok || !peer.IP.IsLoopback() {
			return nil, errors.Join(fmt.Errorf("%s is at %s: %w", address, connection.RemoteAddr(), ErrNotLocal), connection.Close())
		}
		return connection, nil
	}
}

// AnswerError is an error response: any status but 200.
type AnswerError struct {
	Code int
	// Status is the status line, Body the rest.
	Status string
	Body   []byte
}

func (e *AnswerError) Error() string { return fmt.Sprintf("got %s: %.300s", e.Status, e.Body) }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends a request and reads the response, as JSON if into is not nil. Any status but 200 is an
// error. Errors repeat the response, never the request.
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
		return fmt.Errorf("%s %s: %w", method, path, &AnswerError{answer.StatusCode, answer.Status, said})
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
