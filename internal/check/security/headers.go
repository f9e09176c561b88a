package security

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// evil is a host name of the attacker; nothing is ever sent there.
const evil = "attacker.example"

// headers are attacks by false headers.
func (c *suite) headers() []attack {
	const control = "the same request without the header succeeds"
	return []attack{
		{
			name: "host-header", tries: "a member's request, and a login, with a Host that is not the stack's, as in DNS rebinding",
			control: control, defence: "`MLFLOW_SERVER_ALLOWED_HOSTS`, and a fixed `OIDC_REDIRECT_URI`; the edge serves its two names only",
			next: "check MLFLOW_SERVER_ALLOWED_HOSTS in the environment of {mlflow}", run: c.badHost,
		},
		{
			name: "cross-origin", tries: "a page of another site, or of none, makes a signed-in browser search, or reads answers of MLflow's API",
			control: control, defence: "`MLFLOW_SERVER_CORS_ALLOWED_ORIGINS`, and SameSite of the cookie; pages of the same site and the plugin's routes: `same-site-page`",
			next: "check MLFLOW_SERVER_CORS_ALLOWED_ORIGINS and SESSION_COOKIE_SAMESITE in the environment of {mlflow}", run: c.badOrigin,
		},
		{
			name: "spoofed-forwarded-headers", tries: "headers with which a proxy reports the user, the client's address and the host name: X-Forwarded-*, Forwarded, X-Remote-User and others",
			control: "a login without them goes to Keycloak with the registered address", defence: "only the edge is a trusted proxy, and it overwrites them",
			next: "check TRUSTED_PROXIES in the environment of {mlflow}", run: c.forgedForwarded,
		},
	}
}

func (c *suite) badHost(ctx context.Context) (string, error) {
	if err := c.expectTaken(ctx, c.thiefToken, "the member's token"); err != nil {
		return "", err
	}
	site, err := url.Parse(c.stack.MLflow.URL)
	if err != nil {
		return "", err
	}
	hosts := []string{evil, evil + ":" + site.Port(), site.Hostname() + "." + evil, "localhost." + evil}
	for _, host := range hosts {
		q := c.search(bearer(c.thiefToken))
		q.host = host
		got, err := c.ask(ctx, q)
		if err != nil {
			return "", err
		}
		if got.status < 400 || got.status >= 500 {
			return "", check.Mismatch(fmt.Sprintf("%d for a member's request with the Host %s", got.status, host), "a refusal")
		}
		if err := c.expectOwnLogin(ctx, request{host: host}, "with the Host "+host); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d names that are not the stack's are refused, and no login goes there", len(hosts)), c.expectProperLogin(ctx)
}

// login returns the start of a login, with q in its query.
func (c *suite) login(ctx context.Context, q request) (response, error) {
	q.method, q.url = http.MethodGet, c.stack.MLflow.URL+"/login"
	return c.ask(ctx, q)
}

// expectOwnLogin requires that a login redirects to Keycloak and back to MLflow, or is refused.
func (c *suite) expectOwnLogin(ctx context.Context, q request, how string) error {
	got, err := c.login(ctx, q)
	if err != nil {
		return err
	}
	if got.status >= 400 && got.status < 500 {
		return nil
	}
	return c.judgeLogin(got, how)
}

func (c *suite) judgeLogin(got response, how string) error {
	to, err := url.Parse(got.header.Get("Location"))
	if err != nil || browser.Bare(to) != c.visit.Authorization() || to.Query().Get("redirect_uri") != c.visit.RedirectURI() {
		return check.Mismatch(fmt.Sprintf("%d and the way to %s for a login %s", got.status, browser.Bare(to), how),
			"the way to "+c.visit.Authorization()+" and back to "+c.visit.RedirectURI())
	}
	return nil
}

func (c *suite) expectProperLogin(ctx context.Context) error {
	got, err := c.login(ctx, request{})
	if err == nil {
		err = c.judgeLogin(got, "as it should be")
	}
	return check.NotRun(err)
}

func (c *suite) badOrigin(ctx context.Context) (string, error) {
	b := c.thief.Browser
	post := func(origin string) (*browser.Page, error) {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		return b.Fetch(ctx, http.MethodPost, c.stack.MLflow.URL+searchPath, header, []byte(`{"max_results":1}`))
	}
	for _, proper := range []string{"", c.stack.MLflow.URL} {
		page, err := post(proper)
		if err == nil && page.Status != http.StatusOK {
			err = fmt.Errorf("%d for the member's own request with the Origin %q", page.Status, proper)
		}
		if err != nil {
			return "", check.NotRun(err)
		}
	}
	site, err := url.Parse(c.stack.MLflow.URL)
	if err != nil {
		return "", err
	}
	origins := []string{"https://" + evil, "http://" + evil, "null", "https://" + site.Hostname() + "." + evil}
	for _, origin := range origins {
		page, err := post(origin)
		if err != nil {
			return "", err
		}
		if page.Status < 400 || page.Status >= 500 {
			return "", check.Mismatch(fmt.Sprintf("%d for a request with the Origin %s and a member's cookie", page.Status, origin), "403")
		}
		for _, path := range []string{mePath, "/api/2.0/mlflow/experiments/search?max_results=1"} {
			page, err := b.Fetch(ctx, http.MethodGet, c.stack.MLflow.URL+path, http.Header{"Origin": {origin}}, nil)
			if err != nil {
				return "", err
			}
			if allowed := page.Header.Get("Access-Control-Allow-Origin"); allowed == "*" || allowed == origin {
				return "", check.Mismatch(fmt.Sprintf("Access-Control-Allow-Origin %s for the Origin %s at %s", allowed, origin, path), "none")
			}
		}
	}
	begun, err := c.login(ctx, request{})
	if err != nil {
		return "", err
	}
	cookie := strings.ToLower(begun.header.Get("Set-Cookie"))
	switch {
	case cookie == "":
		return "", check.NotRun(fmt.Errorf("%d and no cookie at the beginning of a login", begun.status))
	case !strings.Contains(cookie, "samesite=lax") && !strings.Contains(cookie, "samesite=strict") || !strings.Contains(cookie, "httponly"):
		return "", check.Mismatch("a session cookie without SameSite or HttpOnly", "both")
	case site.Scheme == "https" && !strings.Contains(cookie, "secure"):
		return "", check.Mismatch("a session cookie without Secure", "Secure, since the address is https")
	}
	return fmt.Sprintf("requests from %d other origins are refused, and none may read an answer", len(origins)), nil
}

// forwarded are a proxy's headers with the attacker's values.
func (c *suite) forwarded() []http.Header {
	admin := c.admin.Email
	return []http.Header{
		{"X-Forwarded-Host": {evil}},
		{"X-Forwarded-Proto": {"gopher"}},
		{"X-Forwarded-Port": {"1"}},
		{"X-Forwarded-Prefix": {"//" + evil}},
		{"X-Forwarded-For": {"127.0.0.1"}},
		{"X-Real-Ip": {"127.0.0.1"}},
		{"Forwarded": {"for=127.0.0.1;host=" + evil + ";proto=https"}},
		{"X-Forwarded-User": {admin}},
		{"X-Forwarded-Email": {admin}},
		{"X-Remote-User": {admin}},
		{"Remote-User": {admin}},
		{"X-Auth-Request-Email": {admin}},
		{"X-Original-Url": {"/health"}},
		{"X-Rewrite-Url": {"/health"}},
		{"X-Http-Method-Override": {"OPTIONS"}},
	}
}

func (c *suite) forgedForwarded(ctx context.Context) (string, error) {
	if err := c.expectProperLogin(ctx); err != nil {
		return "", err
	}
	if err := c.expectTaken(ctx, c.thiefToken, "the member's token"); err != nil {
		return "", err
	}
	all := c.forwarded()
	for _, header := range all {
		var name string
		for name = range header {
		}
		if err := c.expectOwnLogin(ctx, request{header: header}, "with "+name); err != nil {
			return "", err
		}
		for _, path := range []string{mePath, peoplePath} {
			got, err := c.ask(ctx, request{method: http.MethodGet, url: c.stack.MLflow.URL + path, header: header})
			if err != nil {
				return "", err
			}
			if got.status < 400 || got.status >= 500 {
				return "", check.Mismatch(fmt.Sprintf("%d for an anonymous request for %s with %s", got.status, path, name), "401")
			}
		}
		got, err := c.ask(ctx, request{method: http.MethodGet, url: c.stack.Realm.Issuer + "/.well-known/openid-configuration", header: header})
		if err != nil {
			return "", err
		}
		if strings.Contains(got.body, evil) || strings.Contains(got.body, "gopher:") {
			return "", check.Mismatch("the attacker's name in Keycloak's own addresses, with "+name, "the stack's")
		}
	}
	return fmt.Sprintf("%d headers change neither the user nor the target of a login", len(all)), nil
}
