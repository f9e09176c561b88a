package security

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// The addresses of MLflow that many attacks request.
const (
	searchPath = "/api/2.0/mlflow/experiments/search"
	mePath     = "/api/2.0/mlflow/users/current"
	peoplePath = "/api/2.0/mlflow/users/details"
)

// mostOfAnswer is the maximum number of bytes read of a response.
const mostOfAnswer = 1 << 20

// request is a request, including ones that no browser would send.
type request struct {
	method, url string
	// host is a Host header that differs from the address.
	host   string
	header http.Header
	body   any
	// raw is the body if body is nil.
	raw []byte
	// stream is the body if it is set; length is its declared length, -1 for chunks.
	stream io.ReadCloser
	length int64
}

// response is the response.
type response struct {
	status int
	header http.Header
	body   string
}

// refused reports whether the caller was refused.
func (a response) refused() bool {
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
}

// into reads the body as JSON.
func (a response) into(v any) error {
	if a.status/100 != 2 {
		return fmt.Errorf("got %d, wanted 200", a.status)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		return errors.New("the answer is not the wanted JSON")
	}
	return nil
}

// ask sends one request and follows no redirect. Errors contain no query.
func (c *suite) ask(ctx context.Context, q request) (response, error) {
	payload := q.raw
	if q.body != nil {
		var err error
		if payload, err = json.Marshal(q.body); err != nil {
			return response{}, err
		}
	}
	bare, _, _ := strings.Cut(q.url, "?")
	r, err := http.NewRequestWithContext(ctx, q.method, q.url, bytes.NewReader(payload))
	if err != nil {
		return response{}, fmt.Errorf("%s is not an address", bare)
	}
	if q.stream != nil {
		r.Body, r.ContentLength, r.GetBody = q.stream, q.length, nil
	}
	r.Host = q.host
	// The server closes idle connections: a request on such a connection is repeated, which Go
	// does for requests that it considers idempotent. The header is not sent.
	r.Header["Idempotency-Key"] = []string{}
	r.Header.Set("Accept", "application/json")
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range q.header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	got, err := c.client.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return response{}, fmt.Errorf("%s %s: %w", q.method, bare, err)
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(got.Body, mostOfAnswer))
	if err != nil {
		return response{}, fmt.Errorf("%s %s: read the answer: %w", q.method, bare, err)
	}
	return response{status: got.StatusCode, header: got.Header, body: string(body)}, nil
}

// within sends a request, and reports whether the server exceeded a time limit. Pauses for the
// edge's rate limit do not count: the request has not reached the server.
func (c *suite) within(ctx context.Context, limit time.Duration, q request) (got response, slow bool, err error) {
	for {
		limited, stop := context.WithTimeout(context.WithValue(ctx, pausesOutside{}, true), limit)
		got, err = c.ask(limited, q)
		slow = limited.Err() != nil && ctx.Err() == nil
		stop()
		var busy *rateLimitError
		if !errors.As(err, &busy) {
			return got, slow, err
		}
		if err := poll.Pause(ctx, busy.wait); err != nil {
			return response{}, false, err
		}
	}
}

// bearer returns the header for a token; nil for an anonymous request.
func bearer(token string) http.Header {
	if token == "" {
		return nil
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// search requests experiments from MLflow, which every signed-in user may do.
func (c *suite) search(header http.Header) request {
	return request{method: http.MethodPost, url: c.stack.MLflow.URL + searchPath, header: header, body: map[string]int{"max_results": 1}}
}

// searchWith returns the status of search with a token.
func (c *suite) searchWith(ctx context.Context, token string) (int, error) {
	got, err := c.ask(ctx, c.search(bearer(token)))
	return got.status, err
}
