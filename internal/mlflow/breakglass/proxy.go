package breakglass

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// cookie proves to the proxy that the operator opened its address in this browser.
const cookie = "mlflow-sso-break-glass"

// LoginProxy is a local address at which a browser is signed in as the temporary administrator,
// since MLflow only accepts logins of browsers through Keycloak.
//
// It responds only to a browser that opened its Address: the random key in it becomes a cookie
// that other sites cannot use, and it refuses requests under another host name, so no other page
// in the same browser reaches MLflow through it.
type LoginProxy struct {
	// Address is the URL for the operator.
	Address string

	server   *http.Server
	listener net.Listener
}

// Open starts a proxy on a port of 127.0.0.1 (0 for any free one) to MLflow's public address, over transport.
func Open(ctx context.Context, pass *TemporaryAdmin, mlflow string, transport http.RoundTripper, port int) (*LoginProxy, error) {
	target, err := url.Parse(mlflow)
	if err != nil {
		return nil, fmt.Errorf("address of MLflow: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("a port for the browser: %w", err)
	}
	key, host := rand.Text(), listener.Addr().String()
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target) // also sets the Host header, which MLflow checks
			r.Out.Header.Del("Cookie")
			// MLflow accepts browsers from its own origin only.
			if r.Out.Header.Get("Origin") != "" {
				r.Out.Header.Set("Origin", mlflow)
			}
			r.Out.SetBasicAuth(pass.Username, pass.Token)
		},
		ErrorLog: log.New(io.Discard, "", 0), // a browser that disconnects is not worth a log line
	}
	d := &LoginProxy{Address: "http://" + host + "/?key=" + key, listener: listener}
	d.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		same := func(got string) bool { return subtle.ConstantTimeCompare([]byte(got), []byte(key)) == 1 }
		had, err := r.Cookie(cookie)
		switch {
		case r.Host != host:
			http.Error(w, "another name than "+host, http.StatusForbidden)
		case r.URL.Path == "/" && same(r.URL.Query().Get("key")):
			// Not Secure: the proxy uses plain http on loopback, where a browser would drop a
			// Secure cookie.
			http.SetCookie(w, &http.Cookie{Name: cookie, Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}) //nolint:gosec // see above
			http.Redirect(w, r, "/", http.StatusSeeOther)
		case err != nil || !same(had.Value):
			http.Error(w, "open the address that mlflow-sso break-glass shows", http.StatusForbidden)
		case time.Now().After(pass.Until):
			http.Error(w, "the time is over", http.StatusForbidden)
		default:
			proxy.ServeHTTP(w, r)
		}
	})}
	go func() { _ = d.server.Serve(listener) }()
	return d, nil
}

// Close stops the proxy, including requests in progress.
func (d *LoginProxy) Close() error { return d.server.Close() }
