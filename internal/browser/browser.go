// Package browser is an HTTP client that handles cookies, redirects and forms as a web browser
// does, so that a scripted login succeeds and fails exactly where a user's would.
//
// Cookies marked Secure are sent over plain http to loopback addresses, which browsers treat as
// secure, and to no other plain http host; the browser records such refusals. Every redirect on
// the way to a page is recorded, so that a caller can inspect the request of a login to the
// identity provider. Scripts do not run and SameSite is ignored.
package browser

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	defaultTimeout = 30 * time.Second
	maxRedirects   = 20      // the limit of Chrome and Firefox
	maxBody        = 8 << 20 // bytes of a page; MLflow's and Keycloak's are far smaller
)

// ErrRedirectLoop is wrapped when a page redirects more than twenty times.
var ErrRedirectLoop = errors.New("too many redirects")

// Browser is one user's browser, with its own cookies. It is not safe for concurrent use.
type Browser struct {
	client  *http.Client
	cookies *jar
}

// Option configures a new Browser.
type Option func(*http.Client, *http.Transport)

// RootCAs makes the browser trust the authorities in pool only. Start with x509.SystemCertPool to
// add to the machine's own.
func RootCAs(pool *x509.CertPool) Option {
	return func(_ *http.Client, t *http.Transport) {
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
}

// Timeout limits every single request, including each redirect. The default is thirty seconds.
func Timeout(d time.Duration) Option {
	return func(c *http.Client, _ *http.Transport) { c.Timeout = d }
}

// New returns a browser without cookies.
func New(options ...Option) *Browser {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{
		Transport: transport,
		Timeout:   defaultTimeout,
		// load follows redirects and records them.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, option := range options {
		option(client, transport)
	}
	cookies := newJar()
	client.Jar = cookies
	return &Browser{client: client, cookies: cookies}
}

// Close closes the browser's idle connections.
func (b *Browser) Close() { b.client.CloseIdleConnections() }

// Copy returns another browser with this one's current cookies for site, like a thief's who
// copied them. Later changes do not affect it.
func (b *Browser) Copy(site *url.URL) *Browser {
	client := *b.client
	cookies := newJar()
	cookies.put(site, b.cookies.Cookies(site))
	client.Jar = cookies
	return &Browser{client: &client, cookies: cookies}
}

// Refused lists the cookies that this browser did not accept, with the reason, oldest first. They
// often explain a login that fails for every user.
func (b *Browser) Refused() []string { return b.cookies.refusals() }

// Open navigates to an address as if it were typed in, and follows redirects.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	return b.load(ctx, request{method: http.MethodGet, url: address, header: navigation()})
}

// Fetch makes a request like a script on a page of the same origin: with cookies, requesting
// JSON, not following redirects. header may be nil; an Origin in it is that of another page.
func (b *Browser) Fetch(ctx context.Context, method, address string, header http.Header, body []byte) (*Page, error) {
	merged := http.Header{"Accept": {"application/json"}, "Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Site": {"same-origin"}}
	for name, values := range header {
		merged[http.CanonicalHeaderKey(name)] = values
	}
	own := ""
	if to, err := url.Parse(address); err == nil {
		own = to.Scheme + "://" + to.Host
	}
	switch from := merged.Get("Origin"); {
	case from == "" && method != http.MethodGet && method != http.MethodHead:
		merged.Set("Origin", own)
	case from != "" && from != own:
		merged.Set("Sec-Fetch-Site", "cross-site")
	}
	if body != nil && merged.Get("Content-Type") == "" {
		merged.Set("Content-Type", "application/json")
	}
	return b.send(ctx, request{method: method, url: address, header: merged, body: body})
}

// navigation marks a request as one of a user who opens a page.
func navigation() http.Header {
	return http.Header{
		"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Accept-Language": {"en"},
		"Sec-Fetch-Dest":  {"document"},
		"Sec-Fetch-Mode":  {"navigate"},
		"Sec-Fetch-Site":  {"none"},
	}
}

type request struct {
	method, url string
	header      http.Header
	body        []byte
}

// load follows redirects until it gets another response.
func (b *Browser) load(ctx context.Context, r request) (*Page, error) {
	var hops []Hop
	for {
		page, err := b.send(ctx, r)
		if err != nil && len(hops) > 0 {
			return nil, fmt.Errorf("sent on by %s: %w", Bare(hops[len(hops)-1].URL), err)
		}
		if err != nil {
			return nil, err
		}
		page.Hops = hops
		next, err := page.redirect()
		if err != nil || next == nil {
			return page, err
		}
		hops = append(hops, Hop{Method: r.method, URL: page.URL, Status: page.Status, Location: next})
		if len(hops) > maxRedirects {
			return nil, fmt.Errorf("%w: %d, the last from %s to %s", ErrRedirectLoop, len(hops), Bare(page.URL), Bare(next))
		}
		r = r.redirected(page.Status, next)
	}
}

// redirected returns a browser's request after a redirect: 307 and 308 repeat the method and the
// body, others turn a form post into a GET.
func (r request) redirected(status int, to *url.URL) request {
	r.url = to.String()
	if status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect || r.method == http.MethodHead {
		return r
	}
	r.method, r.body = http.MethodGet, nil
	r.header = r.header.Clone()
	r.header.Del("Content-Type")
	r.header.Del("Origin")
	return r
}

func (b *Browser) send(ctx context.Context, r request) (*Page, error) {
	sent, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("address: %w", withoutQuery(err))
	}
	sent.Header = r.header.Clone()
	answer, err := b.client.Do(sent)
	if err != nil {
		return nil, withoutQuery(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("%s %s: read the answer: %w", r.method, Bare(sent.URL), err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("%s %s: the answer is longer than %d bytes", r.method, Bare(sent.URL), maxBody)
	}
	return &Page{URL: sent.URL, Status: answer.StatusCode, Header: answer.Header, Body: body}, nil
}

// withoutQuery removes the query from the address in net/http's errors: during a login it
// contains codes and tokens.
func withoutQuery(err error) error {
	var failed *url.Error
	if !errors.As(err, &failed) {
		return err
	}
	shown := "an invalid address"
	if u, parseErr := url.Parse(failed.URL); parseErr == nil {
		shown = Bare(u)
	}
	return fmt.Errorf("%s %s: %w", failed.Op, shown, failed.Err)
}

// Bare returns an address without user, query and fragment, which is safe to print.
func Bare(u *url.URL) string {
	if u == nil {
		return "no address"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
