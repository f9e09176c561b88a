package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

// challenge is what RFC 7636 allows for a S256 code challenge: 32 bytes in
// base64url without padding.
var challenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// judgeAuthorize looks at the request that MLflow makes of Keycloak.
func judgeAuthorize(q url.Values, clientID, site string) error {
	for _, want := range []struct{ name, value string }{
		{"response_type", "code"}, {"client_id", clientID}, {"code_challenge_method", "S256"},
	} {
		if got := q.Get(want.name); got != want.value {
			return differs(fmt.Sprintf("%s %q", want.name, got), fmt.Sprintf("%q", want.value))
		}
	}
	if !challenge.MatchString(q.Get("code_challenge")) {
		return differs("a code_challenge that is no SHA-256", "43 characters of base64url")
	}
	for _, name := range []string{"state", "nonce"} {
		if len(q.Get(name)) < 16 {
			return differs(fmt.Sprintf("%s of %d characters", name, len(q.Get(name))), "one that nobody guesses, of at least 16")
		}
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || !at(redirect, site, "") {
		return differs(fmt.Sprintf("redirect_uri %q", q.Get("redirect_uri")), "an address at "+site)
	}
	return nil
}

// openLogin opens MLflow in b and follows it to Keycloak's form. It returns the
// form's page and the request that MLflow made.
func (p *proof) openLogin(ctx context.Context, b *browser.Browser) (*browser.Page, url.Values, error) {
	page, err := b.Open(ctx, p.stack.MLflow.URL+"/")
	if err != nil {
		return nil, nil, fmt.Errorf("open MLflow: %w", err)
	}
	hop := page.Through(func(u *url.URL) bool { return browser.Bare(u) == p.public.Authorization })
	if hop == nil {
		return nil, nil, differs(describe(page), "a redirect to "+p.public.Authorization)
	}
	return page, hop.Location.Query(), nil
}

// loginForm is the form with a name and a password; without one the page is
// not what a person would log in at.
func loginForm(page *browser.Page) (*browser.Form, error) {
	form := page.FormWith("username", "password")
	if form == nil {
		return nil, differs(describe(page), "a form with a user name and a password")
	}
	return form, nil
}

// describe is a page as a person would tell of it: address, status, title and
// the error on it. Queries stay out, they may carry codes.
func describe(page *browser.Page) string {
	text := fmt.Sprintf("%d at %s", page.Status, browser.Bare(page.URL))
	if title := page.Title(); page.HTML() && title != "" {
		text += fmt.Sprintf(", titled %q", title)
	}
	for _, where := range []string{"input-error", "kc-error-message"} {
		if said := page.TextOf(where); page.HTML() && said != "" {
			return text + fmt.Sprintf(", which says %q", said)
		}
	}
	return text
}

// checkAnonymous looks at what a stranger gets.
func (p *proof) checkAnonymous(ctx context.Context) (string, error) {
	b := p.newBrowser()
	if err := p.expectSearch(ctx, b, nil, http.StatusUnauthorized, "by a stranger"); err != nil {
		return "", err
	}
	page, err := b.Fetch(ctx, http.MethodGet, p.stack.MLflow.URL+currentUserPath, nil, nil)
	if err != nil {
		return "", err
	}
	if err := judgeStatus(page.Status, http.StatusUnauthorized, "a stranger's own profile"); err != nil {
		return "", err
	}
	return "the API answers a stranger with 401", nil
}

// checkLoginRequest looks at the way from MLflow to Keycloak's form.
func (p *proof) checkLoginRequest(ctx context.Context) (string, error) {
	page, query, err := p.openLogin(ctx, p.newBrowser())
	if err != nil {
		return "", err
	}
	if err := judgeAuthorize(query, p.stack.Realm.ClientID, p.stack.MLflow.URL); err != nil {
		return "", err
	}
	if _, err := loginForm(page); err != nil {
		return "", err
	}
	p.authorize = query
	return "MLflow sends the browser to Keycloak with code flow, PKCE S256, state and nonce", nil
}

// pkce is one pair of a verifier and its challenge.
type pkce struct{ verifier, challenge string }

func newPKCE() pkce {
	verifier := random()
	return pkce{verifier: verifier, challenge: challengeOf(verifier)}
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// random is 256 bits that nobody guesses, in base64url.
func random() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(raw)
}

// request is an authorize request of our own, proper in everything.
func (p *proof) request(pair pkce) url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {p.stack.Realm.ClientID}, "scope": {"openid profile email"},
		"redirect_uri": {p.authorize.Get("redirect_uri")}, "state": {random()}, "nonce": {random()},
		"code_challenge": {pair.challenge}, "code_challenge_method": {"S256"},
	}
}

// ask makes an authorize request and does not follow the answer.
func (p *proof) ask(ctx context.Context, b *browser.Browser, query url.Values) (*browser.Page, error) {
	page, err := b.Fetch(ctx, http.MethodGet, p.public.Authorization+"?"+query.Encode(), http.Header{"Accept": {"text/html"}}, nil)
	if err != nil {
		return nil, fmt.Errorf("ask Keycloak for a login: %w", err)
	}
	return page, nil
}

// checkPKCE makes requests without a usable challenge.
func (p *proof) checkPKCE(ctx context.Context) (string, error) {
	if err := p.properRequest(ctx); err != nil {
		return "", err
	}
	without, plain := p.request(newPKCE()), p.request(newPKCE())
	without.Del("code_challenge")
	without.Del("code_challenge_method")
	plain.Set("code_challenge_method", "plain")
	for _, attempt := range []struct {
		name  string
		query url.Values
	}{{"without a code challenge", without}, {"with the challenge method plain", plain}} {
		page, err := p.ask(ctx, p.newBrowser(), attempt.query)
		if err != nil {
			return "", err
		}
		if err := judgeRefusedRequest(page, "a request "+attempt.name); err != nil {
			return "", err
		}
	}
	return "Keycloak refuses a login without a challenge or with a plain one, and takes one with S256", nil
}

// properRequest is the control: Keycloak shows its form for our own request.
func (p *proof) properRequest(ctx context.Context) error {
	page, err := p.ask(ctx, p.newBrowser(), p.request(newPKCE()))
	if err != nil {
		return err
	}
	if _, err := loginForm(page); err != nil {
		return fmt.Errorf("control, a proper request of our own: %w", err)
	}
	return nil
}

// judgeRefusedRequest demands an error, as a page or as OAuth sends one back.
func judgeRefusedRequest(page *browser.Page, what string) error {
	if page.Status >= 400 && page.Status < 500 {
		return nil
	}
	if location, err := url.Parse(page.Header.Get("Location")); err == nil && page.Status/100 == 3 {
		if q := location.Query(); q.Get("error") == "invalid_request" && !q.Has("code") {
			return nil
		}
	}
	return differs(describe(page)+" for "+what, "a refusal")
}

// checkRedirectURI asks Keycloak to send the code elsewhere.
func (p *proof) checkRedirectURI(ctx context.Context) (string, error) {
	if err := p.properRequest(ctx); err != nil {
		return "", err
	}
	registered := p.authorize.Get("redirect_uri")
	for _, uri := range []string{"https://attacker.example/callback", registered + "/../elsewhere", registered + ".attacker.example"} {
		query := p.request(newPKCE())
		query.Set("redirect_uri", uri)
		page, err := p.ask(ctx, p.newBrowser(), query)
		if err != nil {
			return "", err
		}
		// An error that is sent to the address would itself be a hole.
		if page.Status < 400 || page.Status >= 500 {
			return "", differs(describe(page)+" for the redirect URI "+uri, "a refusal that stays at Keycloak")
		}
	}
	return "Keycloak sends nobody to an address that is not registered, and takes " + registered, nil
}
