package security

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

// logins are attacks on the login between MLflow and Keycloak.
func (c *suite) logins() []attack {
	return []attack{
		{
			name: "redirect-uri", tries: "a login asks Keycloak to send the code to another address than MLflow's",
			control: "with the registered address, Keycloak shows its form", defence: "one exact redirect URI of the client",
			next: "`mlflow-sso up --refresh` sets the client's redirect URIs back", run: c.redirectURI,
		},
		{
			name: "pkce-downgrade", tries: "a login without a code challenge, or with a plain one",
			control: "with S256, Keycloak shows its form", defence: "the client requires S256",
			next: "`mlflow-sso up --refresh` sets the client's PKCE method back", run: c.pkceDowngrade,
		},
		{
			name: "open-redirect", tries: "a login at MLflow, and a logout at Keycloak, that redirect to the attacker's address (`next` and similar parameters, in eight spellings)",
			control: "the login ends in MLflow, at the requested page", defence: "the plugin accepts local paths only, and Keycloak only a registered address after a logout",
			next: "check the client's valid post logout redirect URIs in Keycloak; raise the plugin", run: c.openRedirect,
		},
		{
			name: "login-csrf", tries: "the attacker's callback, with code and state, is opened in another user's browser, to make them work in the attacker's account",
			control: "in the browser that started the login, it signs in", defence: "the state is bound to the cookie of the browser that started the login",
			next: "docker logs --tail 50 {mlflow}", run: c.loginCSRF,
		},
		{
			name: "replayed-callback", tries: "a used callback is opened again, in the same browser without its session and in another",
			control: "the first time it signs in", defence: "a state works once, and so does a code", needs: []check.ID{"login-csrf"},
			next: "docker logs --tail 50 {mlflow}", run: c.replayedCallback,
		},
		{
			name: "replayed-code", tries: "a code is exchanged for a token a second time, with the client's own secret and the right verifier",
			control: "the first exchange gives a token", defence: "Keycloak accepts a code once", next: "docker logs --tail 50 {keycloak}", run: c.replayedCode,
		},
	}
}

func (c *suite) redirectURI(ctx context.Context) (string, error) {
	return c.visit.CheckRedirectURI(ctx)
}
func (c *suite) pkceDowngrade(ctx context.Context) (string, error) { return c.visit.CheckPKCE(ctx) }

func (c *suite) openRedirect(ctx context.Context) (string, error) {
	b := c.thief.Browser
	foreign := []string{
		"https://" + evil + "/", "//" + evil + "/", `/\` + evil + "/", `\\` + evil + "/", "https:" + evil, "/%2f" + evil, "javascript:alert(1)", "@" + evil,
	}
	tried := 0
	for _, to := range append([]string{"/oidc/ui/user"}, foreign...) {
		for _, name := range []string{"next", "redirect", "return_to"} {
			if name != "next" && to != foreign[0] {
				continue
			}
			page, err := b.Fetch(ctx, http.MethodGet, c.stack.MLflow.URL+"/login?"+url.Values{name: {to}}.Encode(), nil, nil)
			for hops := 0; err == nil && page.Status/100 == 3 && hops < 6; hops++ {
				var next *url.URL
				if next, err = page.URL.Parse(page.Header.Get("Location")); err != nil || !c.guard.origins[originOf(next)] {
					return "", check.Mismatch(fmt.Sprintf("the way to %s at the end of a login with %s=%s", browser.Bare(next), name, to), "an address of the stack")
				}
				if page, err = b.Fetch(ctx, http.MethodGet, next.String(), http.Header{"Accept": {"text/html"}}, nil); err != nil {
					return "", err
				}
			}
			if err != nil {
				return "", err
			}
			if to == "/oidc/ui/user" && page.URL.Path != to {
				return "", check.NotRun(fmt.Errorf("a login for %s ends at %s", to, browser.Bare(page.URL)))
			}
			tried++
		}
	}
	query := url.Values{"client_id": {c.stack.Realm.ClientID}, "post_logout_redirect_uri": {"https://" + evil + "/"}}
	got, err := c.ask(ctx, request{method: http.MethodGet, url: c.visit.EndSession() + "?" + query.Encode()})
	if err != nil {
		return "", err
	}
	if got.status != http.StatusBadRequest {
		return "", check.Mismatch(fmt.Sprintf("%d for a logout that ends at https://%s/", got.status, evil), "400")
	}
	query.Set("post_logout_redirect_uri", c.stack.MLflow.URL+"/oidc/ui/auth")
	if got, err = c.ask(ctx, request{method: http.MethodGet, url: c.visit.EndSession() + "?" + query.Encode()}); err != nil {
		return "", err
	}
	if got.status >= 400 {
		return "", check.NotRun(fmt.Errorf("%d for a logout that ends at MLflow", got.status))
	}
	return fmt.Sprintf("%d logins and a logout end at the stack's own addresses", tried), nil
}

// callback performs a login of the owner except for its last step, which it returns.
func (c *suite) callback(ctx context.Context, b *browser.Browser) (string, error) {
	page, err := b.Fetch(ctx, http.MethodGet, c.stack.MLflow.URL+"/login", http.Header{"Accept": {"text/html"}}, nil)
	if err != nil {
		return "", err
	}
	if page, err = b.Fetch(ctx, http.MethodGet, page.Header.Get("Location"), http.Header{"Accept": {"text/html"}}, nil); err != nil {
		return "", err
	}
	to := page.Header.Get("Location")
	if !strings.HasPrefix(to, c.visit.RedirectURI()+"?") {
		return "", fmt.Errorf("%d, and no way back to MLflow, at Keycloak for a user who is signed in there", page.Status)
	}
	return to, nil
}

// signedInAs returns the name of the signed-in user; empty for an anonymous browser.
func (c *suite) signedInAs(ctx context.Context, b *browser.Browser) (string, error) {
	page, err := b.Fetch(ctx, http.MethodGet, c.stack.MLflow.URL+mePath, nil, nil)
	if err != nil || page.Status != http.StatusOK {
		return "", err
	}
	var me struct {
		Username string `json:"username"`
	}
	return me.Username, page.JSON(&me)
}

func (c *suite) loginCSRF(ctx context.Context) (string, error) {
	mine, victim := c.owner.Browser, c.anonymous()
	back, err := c.callback(ctx, mine)
	if err != nil {
		return "", check.NotRun(err)
	}
	// The victim starts a login of their own, which sets a cookie with another state.
	for _, begun := range []bool{false, true} {
		if begun {
			if _, err := victim.Fetch(ctx, http.MethodGet, c.stack.MLflow.URL+"/login", nil, nil); err != nil {
				return "", err
			}
		}
		// Errors after MLflow's response do not matter here.
		if _, err := victim.Fetch(ctx, http.MethodGet, back, http.Header{"Accept": {"text/html"}}, nil); err != nil {
			return "", err
		}
		who, err := c.signedInAs(ctx, victim)
		if err != nil {
			return "", err
		}
		if who != "" {
			return "", check.Mismatch("a browser that is signed in as "+who+", whose login began in another browser", "no signed-in user")
		}
	}
	c.used, err = c.logInAgain(ctx)
	return "a login that began in another browser signs in no user", check.NotRun(err)
}

// logInAgain completes a login of the owner in their own browser and returns its last address.
func (c *suite) logInAgain(ctx context.Context) (string, error) {
	mine := c.owner.Browser
	back, err := c.callback(ctx, mine)
	if err == nil {
		_, err = mine.Fetch(ctx, http.MethodGet, back, http.Header{"Accept": {"text/html"}}, nil)
	}
	if err != nil {
		return "", err
	}
	who, err := c.signedInAs(ctx, mine)
	if err == nil && !strings.EqualFold(who, c.owner.Email) {
		err = fmt.Errorf("signed in as %q by the end of one's own login", who)
	}
	return back, err
}

func (c *suite) replayedCallback(ctx context.Context) (string, error) {
	site, err := url.Parse(c.stack.MLflow.URL)
	if err != nil {
		return "", err
	}
	// A signed-in browser keeps its session, so end the copy's session first.
	mine, same := c.owner.Browser, c.owner.Browser.Copy(site)
	if _, err := mine.Copy(site).Fetch(ctx, http.MethodGet, c.stack.MLflow.URL+scenario.LogoutPath, nil, nil); err != nil {
		return "", check.NotRun(err)
	}
	for where, b := range map[string]*browser.Browser{"another browser": c.anonymous(), "a copy of the browser": same} {
		if _, err := b.Fetch(ctx, http.MethodGet, c.used, http.Header{"Accept": {"text/html"}}, nil); err != nil {
			return "", err
		}
		who, err := c.signedInAs(ctx, b)
		if err != nil {
			return "", err
		}
		if who != "" {
			return "", check.Mismatch(fmt.Sprintf("a session of %s by a used login in %s", who, where), "no signed-in user")
		}
	}
	_, err = c.logInAgain(ctx)
	return "the end of a login works once", check.NotRun(err)
}

func (c *suite) replayedCode(ctx context.Context) (string, error) {
	proper, replay := c.visit.ExchangeCodeTwice(ctx, c.owner)
	switch {
	case proper != nil:
		return "", check.NotRun(proper)
	case replay == nil:
		return "", check.Mismatch("a second token for one code", "invalid_grant")
	case !strings.Contains(replay.Error(), "invalid_grant"):
		return "", check.NotRun(fmt.Errorf("the second exchange failed otherwise: %w", replay))
	}
	return "Keycloak refuses a code that was used", nil
}
