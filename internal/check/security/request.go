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

// The addresses of MLflow that many attacks ask.
const (
	searchPath = "/api/2.0/mlflow/experiments/search"
	mePath     = "/api/2.0/mlflow/users/current"
	peoplePath = "/api/2.0/mlflow/users/details"
)

// mostOfAnswer is how much of an answer is read.
const mostOfAnswer = 1 << 20

// request is a request that may be one that no browser would make.
type request struct {
	method, url string
	// host is another Host header than the address's own.
	host   string
	header http.Header
	body   any
	// raw is the body where body is nil.
	raw []byte
	// stream is the body where it is set; length is what is said of it, -1 for chunks.
	stream io.ReadCloser
	length int64
}

// response is what came back.
type response struct {
	status int
	header http.Header
	body   string
}

// refused says that whoever asked was not let in.
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

// ask makes one request and follows no redirect. Errors show no query.
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
	// The server closes connections that were idle: a request that fell on such a one is
	// sent again, which Go does for requests that it considers idempotent. The header is not sent.
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

// within asks, and says whether the server took longer than a limit. Pauses that the edge's rate
// limit asks for do not count: the server has not seen the request.
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

// bearer is the header of who has a token; nil for an anonymous one.
func bearer(token string) http.Header {
	if token == "" {
		return nil
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// search asks MLflow for experiments, which everybody may who is signed in.
func (c *suite) search(header http.Header) request {
	return request{method: http.MethodPost, url: c.stack.MLflow.URL + searchPath, header: header, body: map[string]int{"max_results": 1}}
}

// searchWith is the status of search with a token.
func (c *suite) searchWith(ctx context.Context, token string) (int, error) {
	got, err := c.ask(ctx, c.search(bearer(token)))
	return got.status, err
}
