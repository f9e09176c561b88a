package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// minLifetime is how long an access token has to last at least: a session in
// MLflow ends with it.
const minLifetime = 5 * time.Minute

// accessToken gets a token for the person who is signed in to Keycloak in b: a
// code for the browser, exchanged where the client's secret is.
func (p *proof) accessToken(ctx context.Context, b *browser.Browser) (string, error) {
	got, err := p.code(ctx, b)
	if err != nil {
		return "", err
	}
	return p.exchange(ctx, got)
}

// grant is a code and what it takes to exchange it; its fields are the probe's.
type grant struct {
	Code        string `json:"code"`
	Verifier    string `json:"verifier"`
	RedirectURI string `json:"redirect_uri"`
}

// code gets a code for the person who is signed in to Keycloak in b.
func (p *proof) code(ctx context.Context, b *browser.Browser) (grant, error) {
	pair := newPKCE()
	query := p.request(pair)
	page, err := p.ask(ctx, b, query)
	if err != nil {
		return grant{}, err
	}
	location, err := url.Parse(page.Header.Get("Location"))
	if err != nil || browser.Bare(location) != query.Get("redirect_uri") || !location.Query().Has("code") {
		return grant{}, differs(describe(page), "a code, since the browser is signed in to Keycloak")
	}
	if location.Query().Get("state") != query.Get("state") {
		return grant{}, differs("another state in Keycloak's answer than in the request", "the same")
	}
	return grant{Code: location.Query().Get("code"), Verifier: pair.verifier, RedirectURI: query.Get("redirect_uri")}, nil
}

// exchange turns a code into an access token.
func (p *proof) exchange(ctx context.Context, code grant) (string, error) {
	input, err := json.Marshal(code)
	if err != nil {
		return "", err
	}
	name := p.stack.MLflow.Container
	tokens, err := probe.JSON[struct {
		Access string `json:"access_token"`
	}](ctx, p.docker, name, probe.CodeExchange, input)
	if err == nil && tokens.Access == "" {
		err = errors.New("the answer holds no access token")
	}
	if err != nil {
		return "", fmt.Errorf("exchange a code for a token inside %s: %w", name, err)
	}
	return tokens.Access, nil
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// checkAccessToken uses a token of the member as an API client does.
func (p *proof) checkAccessToken(ctx context.Context) (string, error) {
	token, err := p.accessToken(ctx, p.member.browser)
	if err != nil {
		return "", err
	}
	if err := p.expectSearch(ctx, p.newBrowser(), bearer(token), http.StatusOK, "with the member's token"); err != nil {
		return "", err
	}
	p.token = token
	return "the API takes a token that Keycloak signed for " + p.member.username, nil
}

// claims are what MLflow relies on in an access token.
type claims struct {
	Groups  []string `json:"groups"`
	Email   string   `json:"email"`
	Issued  int64    `json:"iat"`
	Expires int64    `json:"exp"`
}

func (c claims) life() time.Duration { return time.Duration(c.Expires-c.Issued) * time.Second }

// checkGroupsClaim reads the member's token, once its signature is known to be
// by a key that Keycloak publishes.
func (p *proof) checkGroupsClaim(ctx context.Context) (string, error) {
	if p.front != nil {
		ctx = oidc.ClientContext(ctx, p.front.HTTP())
	}
	keys := oidc.NewRemoteKeySet(ctx, p.public.Keys)
	verifier := oidc.NewVerifier(p.stack.Realm.Issuer, keys, &oidc.Config{ClientID: p.stack.Realm.ClientID})
	verified, err := verifier.Verify(ctx, p.token)
	if err != nil {
		return "", fmt.Errorf("the member's access token against %s, issuer %s and audience %s: %w",
			p.public.Keys, p.stack.Realm.Issuer, p.stack.Realm.ClientID, err)
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return "", fmt.Errorf("the claims of the member's access token: %w", err)
	}
	if err := judgeClaims(c, p.member); err != nil {
		return "", err
	}
	return fmt.Sprintf("groups %q, audience %s, valid for %s", c.Groups, p.stack.Realm.ClientID, c.life()), nil
}

// judgeClaims demands the one group, the person and a lifetime. Signature,
// issuer and audience were looked at before.
func judgeClaims(c claims, who *person) error {
	if !slices.Equal(c.Groups, []string{who.group}) {
		return differs(fmt.Sprintf("groups %q", c.Groups), fmt.Sprintf("%q", []string{who.group}))
	}
	if !strings.EqualFold(c.Email, who.email) {
		return differs(fmt.Sprintf("email %q", c.Email), fmt.Sprintf("%q", who.email))
	}
	if c.life() < minLifetime {
		return differs("a token valid for "+c.life().String(), "at least "+minLifetime.String())
	}
	return nil
}

// expectForgeriesRefused demands 401 for every forged token and, after them,
// that the genuine one is still taken.
func (p *proof) expectForgeriesRefused(ctx context.Context, forged map[string]string) error {
	for what, token := range forged {
		if err := p.expectSearch(ctx, p.newBrowser(), bearer(token), http.StatusUnauthorized, "with "+what); err != nil {
			return err
		}
	}
	if err := p.expectSearch(ctx, p.newBrowser(), bearer(p.token), http.StatusOK, "with the genuine token"); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// checkUnsignedToken takes the signature off the member's token.
func (p *proof) checkUnsignedToken(ctx context.Context) (string, error) {
	none := map[string]any{"alg": "none", "typ": "JWT"}
	unsigned, err := forge(p.token, none, nil, noSignature)
	if err != nil {
		return "", err
	}
	claimed, err := forge(p.token, none, nil, sameSignature)
	if err != nil {
		return "", err
	}
	stripped, err := forge(p.token, nil, nil, noSignature)
	if err != nil {
		return "", err
	}
	if err := p.expectForgeriesRefused(ctx, map[string]string{
		"an unsigned token": unsigned, "a token that calls itself unsigned": claimed, "a token without its signature": stripped,
	}); err != nil {
		return "", err
	}
	return "the API refuses the member's token once it is unsigned, and takes the signed one", nil
}

// checkTamperedToken lets the member claim to be the administrator.
func (p *proof) checkTamperedToken(ctx context.Context) (string, error) {
	promoted, err := forge(p.token, nil, map[string]any{
		"email": p.admin.email, "preferred_username": p.admin.username, "groups": []string{p.admin.group},
	}, sameSignature)
	if err != nil {
		return "", err
	}
	broken, err := forge(p.token, nil, nil, otherSignature)
	if err != nil {
		return "", err
	}
	if err := p.expectForgeriesRefused(ctx, map[string]string{
		"a token whose claims were changed": promoted, "a token whose signature was changed": broken,
	}); err != nil {
		return "", err
	}
	return "the API refuses the member's token once claims or signature are changed, and takes the genuine one", nil
}
