// Package expect responds to clients that ask before they send a body.
//
// A client that sends "Expect: 100-continue" waits with the body, a strict one indefinitely.
// net/http reads a part of each unread body before it sends the response, except for a body that
// it knows to be waiting. Caddy wraps the bodies of requests that it logs, so a response such as
// 413 or 401 waits for a body that waits for the response.
package expect

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("expect_continue", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		h.Next()
		if h.NextArg() || h.NextBlock(0) {
			return nil, h.ArgErr()
		}
		return Handler{}, nil
	})
}

// Handler is the directive `expect_continue` of a Caddyfile; it precedes all directives that may
// respond.
type Handler struct{}

// CaddyModule describes the module to Caddy.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.expect_continue", New: func() caddy.Module { return new(Handler) }}
}

// ServeHTTP sends the response to such a client before it reads anything of its body.
func (Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.ProtoMajor != 1 || !strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return next.ServeHTTP(w, r)
	}
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		return err
	}
	// After a response the client may send the body or its next request: the two are
	// indistinguishable.
	w.Header().Set("Connection", "close")
	return next.ServeHTTP(w, r)
}

var _ caddyhttp.MiddlewareHandler = Handler{}
