package browser

import (
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"
)

// jar is net/http's cookie jar with the refusals of browsers.
//
// The underlying jar implements RFC 6265 (domain, path, expiry, host-only) and sends Secure
// cookies to https and to loopback addresses, but stores anything. This one first refuses, and
// records, what a browser would refuse: a Secure cookie from an insecure page, and a __Host- or
// __Secure- name without the attributes that it promises.
type jar struct {
	kept *cookiejar.Jar

	mu      sync.Mutex
	refused []string
}

func newJar() *jar {
	// New's only error is for options, which are nil.
	kept, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		panic(err)
	}
	return &jar{kept: kept}
}

// SetCookies implements http.CookieJar.
func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	accepted := make([]*http.Cookie, 0, len(cookies))
	for _, cookie := range cookies {
		if reason := refusal(u, cookie); reason != "" {
			j.mu.Lock()
			j.refused = append(j.refused, fmt.Sprintf("cookie %s of %s: %s", cookie.Name, u.Host, reason))
			j.mu.Unlock()
			continue
		}
		accepted = append(accepted, cookie)
	}
	j.kept.SetCookies(u, accepted)
}

// Cookies implements http.CookieJar.
func (j *jar) Cookies(u *url.URL) []*http.Cookie { return j.kept.Cookies(u) }

// put stores cookies that were read from another jar, which returns only names and values: for
// the whole host, as session cookies.
func (j *jar) put(u *url.URL, cookies []*http.Cookie) {
	for _, cookie := range cookies {
		cookie.Path = "/"
	}
	j.kept.SetCookies(u, cookies)
}

func (j *jar) refusals() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.refused...)
}

// refusal returns why a browser would refuse a cookie; empty if it would not.
func refusal(u *url.URL, cookie *http.Cookie) string {
	secure := secureContext(u)
	host := hasPrefixFold(cookie.Name, "__Host-")
	switch {
	case cookie.Secure && !secure:
		return "it is Secure and the page came over plain http"
	case (host || hasPrefixFold(cookie.Name, "__Secure-")) && !cookie.Secure:
		return "its name demands Secure"
	case host && (cookie.Domain != "" || cookie.Path != "/"):
		return "its name demands Path=/ and no Domain"
	}
	return ""
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// secureContext reports whether a browser treats the page as a secure context: https, or a
// loopback address.
func secureContext(u *url.URL) bool {
	return u.Scheme == "https" || loopback(u.Hostname())
}

func loopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
