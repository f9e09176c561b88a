package security

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// errForeignHost is wrapped by the error of every request to another host.
var errForeignHost = errors.New("refused, this is not the stack's address")

// guard allows requests to the stack's own addresses only. It wraps the transport, so it sees
// each request of a chain of redirects.
type guard struct {
	origins map[string]bool
	behind  http.RoundTripper
}

// pausesOutside is the key of a context whose owner waits for the edge's rate limit itself.
type pausesOutside struct{}

// rateLimitError is the delay that the edge's rate limit requests.
type rateLimitError struct{ wait time.Duration }

func (e *rateLimitError) Error() string {
	return fmt.Sprintf("the edge's rate limit requires a pause of %s", e.wait)
}

// newGuard takes the addresses from the stack's outputs.
func newGuard(stack outputs.Stack) (*guard, error) {
	g := &guard{origins: map[string]bool{}}
	for _, address := range []string{stack.MLflow.URL, stack.Keycloak.URL, stack.Keycloak.AdminURL} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%q in the stack's outputs is not an address of a service; run `mlflow-sso up`", address)
		}
		g.origins[originOf(u)] = true
	}
	return g, nil
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// apply wraps a client's transport; it is an option of browsers.
func (g *guard) apply(client *http.Client, _ *http.Transport) {
	client.Transport = &guard{origins: g.origins, behind: client.Transport}
}

// RoundTrip refuses before connecting. If the edge's rate limit is reached, it waits as long as
// the edge says and retries: a request that was never processed is not a refusal.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if !g.origins[originOf(r.URL)] {
		return nil, fmt.Errorf("%s: %w", originOf(r.URL), errForeignHost)
	}
	for {
		got, err := g.behind.RoundTrip(r)
		if err != nil || got.StatusCode != http.StatusTooManyRequests || r.Body != nil && r.GetBody == nil || ownRefusal(got) {
			return got, err
		}
		wait := time.Second
		if seconds, err := strconv.Atoi(got.Header.Get("Retry-After")); err == nil && seconds > 0 {
			wait = time.Duration(seconds) * time.Second
		}
		if err := got.Body.Close(); err != nil {
			return nil, err
		}
		if r.Context().Value(pausesOutside{}) != nil {
			return nil, &rateLimitError{wait: wait}
		}
		if err := poll.Pause(r.Context(), wait); err != nil {
			return nil, fmt.Errorf("%w: %w", &rateLimitError{wait: wait}, err)
		}
		r = r.Clone(r.Context())
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// CloseIdleConnections closes the wrapped transport's.
func (g *guard) CloseIdleConnections() {
	if closer, ok := g.behind.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// ownRefusal reports whether the plugin and not the edge limits the rate: of wrong SCIM tokens.
func ownRefusal(got *http.Response) bool {
	return strings.HasPrefix(got.Header.Get("Content-Type"), "application/scim+json")
}
