package login

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

// minLifetime is the minimum lifetime of an access token: a session in MLflow ends with it.
const minLifetime = 5 * time.Minute

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// checkAccessToken uses a token of the member as an API client does.
func (p *proof) checkAccessToken(ctx context.Context) (string, error) {
	token, err := p.Token(ctx, p.Member)
	if err != nil {
		return "", err
	}
	if err := p.ExpectSearch(ctx, p.NewBrowser(), bearer(token), http.StatusOK, "with the member's token"); err != nil {
		return "", err
	}
	p.token = token
	return "the API accepts a token that Keycloak signed for " + p.Member.Username, nil
}

// claims are what MLflow relies on in an access token.
type claims struct {
	Groups  []string `json:"groups"`
	Email   string   `json:"email"`
	Issued  int64    `json:"iat"`
	Expires int64    `json:"exp"`
}

func (c claims) life() time.Duration { return time.Duration(c.Expires-c.Issued) * time.Second }

// checkGroupsClaim reads the member's token after verifying its signature with Keycloak's
// published keys.
func (p *proof) checkGroupsClaim(ctx context.Context) (string, error) {
	ctx = oidc.ClientContext(ctx, p.HTTP())
	keys := oidc.NewRemoteKeySet(ctx, p.Keys())
	verifier := oidc.NewVerifier(p.Stack.Realm.Issuer, keys, &oidc.Config{ClientID: p.Stack.Realm.ClientID})
	verified, err := verifier.Verify(ctx, p.token)
	if err != nil {
		return "", fmt.Errorf("the member's access token against %s, issuer %s and audience %s: %w",
			p.Keys(), p.Stack.Realm.Issuer, p.Stack.Realm.ClientID, err)
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return "", fmt.Errorf("the claims of the member's access token: %w", err)
	}
	if err := judgeClaims(c, p.Member); err != nil {
		return "", err
	}
	return fmt.Sprintf("groups %q, audience %s, valid for %s", c.Groups, p.Stack.Realm.ClientID, c.life()), nil
}

// judgeClaims requires the one group, the user and a lifetime. Earlier checks cover signature,
// issuer and audience.
func judgeClaims(c claims, who *scenario.Person) error {
	if !slices.Equal(c.Groups, []string{who.Group}) {
		return check.Mismatch(fmt.Sprintf("groups %q", c.Groups), fmt.Sprintf("%q", []string{who.Group}))
	}
	if !strings.EqualFold(c.Email, who.Email) {
		return check.Mismatch(fmt.Sprintf("email %q", c.Email), fmt.Sprintf("%q", who.Email))
	}
	if c.life() < minLifetime {
		return check.Mismatch("a token valid for "+c.life().String(), "at least "+minLifetime.String())
	}
	return nil
}

// expectForgeriesRefused requires 401 for every forged token and, after them, that the genuine
// one is still accepted.
func (p *proof) expectForgeriesRefused(ctx context.Context, forged map[string]string) error {
	for what, token := range forged {
		if err := p.ExpectSearch(ctx, p.NewBrowser(), bearer(token), http.StatusUnauthorized, "with "+what); err != nil {
			return err
		}
	}
	if err := p.ExpectSearch(ctx, p.NewBrowser(), bearer(p.token), http.StatusOK, "with the genuine token"); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// checkUnsignedToken removes the signature from the member's token.
func (p *proof) checkUnsignedToken(ctx context.Context) (string, error) {
	none := map[string]any{"alg": "none", "typ": "JWT"}
	unsigned, err := scenario.Forge(p.token, none, nil, scenario.Keep(""))
	if err != nil {
		return "", err
	}
	claimed, err := scenario.Forge(p.token, none, nil, scenario.Keep(scenario.Signature(p.token)))
	if err != nil {
		return "", err
	}
	stripped, err := scenario.Forge(p.token, nil, nil, scenario.Keep(""))
	if err != nil {
		return "", err
	}
	if err := p.expectForgeriesRefused(ctx, map[string]string{
		"an unsigned token": unsigned, "a token that calls itself unsigned": claimed, "a token without its signature": stripped,
	}); err != nil {
		return "", err
	}
	return "the API refuses the member's token without its signature, and accepts it with it", nil
}

// checkTamperedToken changes the member's token to claim the administrator's identity.
func (p *proof) checkTamperedToken(ctx context.Context) (string, error) {
	promoted, err := scenario.Forge(p.token, nil, map[string]any{
		"email": p.Admin.Email, "preferred_username": p.Admin.Username, "groups": []string{p.Admin.Group},
	}, scenario.Keep(scenario.Signature(p.token)))
	if err != nil {
		return "", err
	}
	broken, err := scenario.Forge(p.token, nil, nil, scenario.Keep(scenario.Broken(p.token)))
	if err != nil {
		return "", err
	}
	if err := p.expectForgeriesRefused(ctx, map[string]string{
		"a token whose claims were changed": promoted, "a token whose signature was changed": broken,
	}); err != nil {
		return "", err
	}
	return "the API refuses the member's token with other claims or another signature, and accepts the genuine one", nil
}
