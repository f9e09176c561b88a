package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"golang.org/x/oauth2"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// challenge is RFC 7636's format of an S256 code challenge: 32 bytes in base64url without
// padding.
var challenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// judgeAuthorize checks MLflow's authorization request.
func judgeAuthorize(q url.Values, clientID, site string) error {
	for _, want := range []struct{ name, value string }{
		{"response_type", "code"}, {"client_id", clientID}, {"code_challenge_method", "S256"},
	} {
		if got := q.Get(want.name); got != want.value {
			return check.Mismatch(fmt.Sprintf("%s %q", want.name, got), fmt.Sprintf("%q", want.value))
		}
	}
	if !challenge.MatchString(q.Get("code_challenge")) {
		return check.Mismatch("a code_challenge that is not a SHA-256", "43 characters of base64url")
	}
	for _, name := range []string{"state", "nonce"} {
		if len(q.Get(name)) < 16 {
			return check.Mismatch(fmt.Sprintf("%s of %d characters", name, len(q.Get(name))), "a random one of at least 16")
		}
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || !At(redirect, site, "") {
		return check.Mismatch(fmt.Sprintf("redirect_uri %q", q.Get("redirect_uri")), "an address at "+site)
	}
	return nil
}

// CheckLoginRequest checks the redirects from MLflow to Keycloak's form.
func (s *Scenario) CheckLoginRequest(ctx context.Context) (string, error) {
	page, query, err := s.OpenLogin(ctx, s.NewBrowser())
	if err != nil {
		return "", err
	}
	if err := judgeAuthorize(query, s.Stack.Realm.ClientID, s.Stack.MLflow.URL); err != nil {
		return "", err
	}
	if _, err := LoginForm(page); err != nil {
		return "", err
	}
	s.authorize = query
	return "MLflow sends the browser to Keycloak with code flow, PKCE S256, state and nonce", nil
}

// random returns 256 random bits in base64url.
func random() string { return oauth2.GenerateVerifier() }

// request returns a valid authorization request.
func (s *Scenario) request(verifier string) url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {s.Stack.Realm.ClientID}, "scope": {"openid profile email"},
		"redirect_uri": {s.authorize.Get("redirect_uri")}, "state": {random()}, "nonce": {random()},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
}

// ask sends an authorization request and does not follow redirects.
func (s *Scenario) ask(ctx context.Context, b *browser.Browser, query url.Values) (*browser.Page, error) {
	page, err := b.Fetch(ctx, http.MethodGet, s.public.Authorization+"?"+query.Encode(), http.Header{"Accept": {"text/html"}}, nil)
	if err != nil {
		return nil, fmt.Errorf("request a login from Keycloak: %w", err)
	}
	return page, nil
}

// CheckPKCE sends requests without a usable challenge.
func (s *Scenario) CheckPKCE(ctx context.Context) (string, error) {
	if err := s.properRequest(ctx); err != nil {
		return "", err
	}
	without, plain := s.request(oauth2.GenerateVerifier()), s.request(oauth2.GenerateVerifier())
	without.Del("code_challenge")
	without.Del("code_challenge_method")
	plain.Set("code_challenge_method", "plain")
	for _, attempt := range []struct {
		name  string
		query url.Values
	}{{"without a code challenge", without}, {"with the challenge method plain", plain}} {
		page, err := s.ask(ctx, s.NewBrowser(), attempt.query)
		if err != nil {
			return "", err
		}
		if err := judgeRefusedRequest(page, "a request "+attempt.name); err != nil {
			return "", err
		}
	}
	return "Keycloak refuses a login without a challenge or with a plain one, and accepts one with S256", nil
}

// properRequest is the control: Keycloak shows its form for a valid request.
func (s *Scenario) properRequest(ctx context.Context) error {
	page, err := s.ask(ctx, s.NewBrowser(), s.request(oauth2.GenerateVerifier()))
	if err != nil {
		return err
	}
	if _, err := LoginForm(page); err != nil {
		return fmt.Errorf("control, a proper request of our own: %w", err)
	}
	return nil
}

// judgeRefusedRequest requires an error, as a page or as an OAuth redirect.
func judgeRefusedRequest(page *browser.Page, what string) error {
	if page.Status >= 400 && page.Status < 500 {
		return nil
	}
	if location, err := url.Parse(page.Header.Get("Location")); err == nil && page.Status/100 == 3 {
		if q := location.Query(); q.Get("error") == "invalid_request" && !q.Has("code") {
			return nil
		}
	}
	return check.Mismatch(Describe(page)+" for "+what, "a refusal")
}

// CheckRedirectURI asks Keycloak to send the code to another address.
func (s *Scenario) CheckRedirectURI(ctx context.Context) (string, error) {
	if err := s.properRequest(ctx); err != nil {
		return "", err
	}
	registered := s.authorize.Get("redirect_uri")
	for _, uri := range []string{"https://attacker.example/callback", registered + "/../other", registered + ".attacker.example"} {
		query := s.request(oauth2.GenerateVerifier())
		query.Set("redirect_uri", uri)
		page, err := s.ask(ctx, s.NewBrowser(), query)
		if err != nil {
			return "", err
		}
		// An error that is redirected to that address would itself be a vulnerability.
		if page.Status < 400 || page.Status >= 500 {
			return "", check.Mismatch(Describe(page)+" for the redirect URI "+uri, "a refusal that stays at Keycloak")
		}
	}
	return "Keycloak redirects to no unregistered address, and accepts " + registered, nil
}
