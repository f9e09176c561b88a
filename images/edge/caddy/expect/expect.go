// Package expect answers clients that ask before they send a body.
//
// A client that sends "Expect: 100-continue" waits with the body, for ever if it is
// a strict one. net/http reads a part of each body that its handler has left before
// it sends the answer, and spares only a body that it knows to be waiting. Caddy
// wraps the bodies of requests that it logs, so that an answer such as 413 or 401
// waits for a body that waits for the answer.
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

// Handler is the directive `expect_continue` of a Caddyfile; it comes before all that may answer.
type Handler struct{}

// CaddyModule describes the module to Caddy.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.expect_continue", New: func() caddy.Module { return new(Handler) }}
}

// ServeHTTP has the answer to such a client sent before anything of its body is read.
func (Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.ProtoMajor != 1 || !strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return next.ServeHTTP(w, r)
	}
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		return err
	}
	// After an answer the client may send the body or its next request: both look alike.
	w.Header().Set("Connection", "close")
	return next.ServeHTTP(w, r)
}

var _ caddyhttp.MiddlewareHandler = Handler{}
