package login

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/serviceaccount"
)

// machineChecks are those of a stack that has service accounts.
func (p *proof) machineChecks(checks []check) []check {
	if len(p.stack.ServiceAccounts) == 0 {
		return checks
	}
	last := len(checks) - 1 // cleanup stays the last one
	return slices.Insert(checks, last,
		check{name: "service-accounts", run: p.checkServiceAccounts, next: "`mlflow-sso up --refresh` sets accounts back; docker logs --tail 50 {mlflow}", needs: []string{"discovery"}},
		check{name: "other-audience", run: p.checkOtherAudience, next: "look at OIDC_AUDIENCE in docker inspect {mlflow}", needs: []string{"service-accounts"}},
	)
}

// knownAs is what MLflow says about whoever asks.
type knownAs struct {
	Username string `json:"username"`
	Admin    bool   `json:"is_admin"`
	Service  bool   `json:"is_service_account"`
}

// checkServiceAccounts has each account get a token and use it, at once.
func (p *proof) checkServiceAccounts(ctx context.Context) (string, error) {
	names := make([]string, 0, len(p.stack.ServiceAccounts))
	for _, account := range p.stack.ServiceAccounts {
		token, err := serviceaccount.Token(ctx, p.client(), p.stack, account)
		if err != nil {
			return "", err
		}
		status, who, err := p.whoIs(ctx, token)
		if err != nil {
			return "", fmt.Errorf("account %s: %w", account.Name, err)
		}
		if err := judgeAccount(account, status, who); err != nil {
			return "", err
		}
		names = append(names, account.Name)
	}
	return fmt.Sprintf("MLflow takes a new token of %s, and knows whose it is", strings.Join(names, ", ")), nil
}

func judgeAccount(account outputs.ServiceAccount, status int, who knownAs) error {
	if status != http.StatusOK {
		return differs(fmt.Sprintf("%d for a new token of %s", status, account.Name), "200, since the stack file declares the account")
	}
	wanted := knownAs{Username: account.Username, Admin: account.Admin, Service: true}
	if who != wanted {
		return differs(fmt.Sprintf("%+v for a token of %s", who, account.Name), fmt.Sprintf("%+v", wanted))
	}
	return nil
}

// checkOtherAudience shows MLflow a token of the same account, which Keycloak has
// signed as well, that is for the account's own client.
func (p *proof) checkOtherAudience(ctx context.Context) (string, error) {
	account := p.stack.ServiceAccounts[0]
	own, err := serviceaccount.Token(ctx, p.client(), p.stack, account)
	if err != nil {
		return "", err
	}
	other, err := serviceaccount.IDToken(ctx, p.client(), p.stack, account)
	if err != nil {
		return "", err
	}
	if err := judgeOther(p.stack, own, other); err != nil {
		return "", err
	}
	status, _, err := p.whoIs(ctx, own)
	if err == nil {
		err = judgeStatus(status, http.StatusOK, "the account's token for MLflow")
	}
	if err != nil {
		return "", err
	}
	status, _, err = p.whoIs(ctx, other)
	if err == nil {
		err = judgeStatus(status, http.StatusUnauthorized, "the account's token for somebody else")
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("MLflow refuses a token of %s that is for somebody else, and takes the one that is for MLflow", account.Name), nil
}

// signedFor are the claims that MLflow tells an account by.
type signedFor struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Username string          `json:"preferred_username"`
	Audience json.RawMessage `json:"aud"`
}

// judgeOther demands that the two tokens differ in whom they are for and not in whose
// they are; else a refusal proves nothing.
func judgeOther(stack outputs.Stack, own, other string) error {
	a, err := claimsOf(own)
	if err != nil {
		return err
	}
	b, err := claimsOf(other)
	if err != nil {
		return err
	}
	if a.Issuer != b.Issuer || a.Subject != b.Subject || a.Username != b.Username {
		return fmt.Errorf("%w: the two tokens are of %s and %s, want two of the same account", errNotRun, a.Username, b.Username)
	}
	if quoted := `"` + stack.Realm.ClientID + `"`; strings.Contains(string(b.Audience), quoted) || !strings.Contains(string(a.Audience), quoted) {
		return fmt.Errorf("%w: the tokens are for %s and %s, want the first alone for %s", errNotRun, a.Audience, b.Audience, stack.Realm.ClientID)
	}
	return nil
}

// claimsOf believes a token that Keycloak has just given.
func claimsOf(token string) (claims signedFor, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims, fmt.Errorf("%w: got a token of %d parts, want 3", errNotRun, len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		return claims, fmt.Errorf("%w: the token's claims cannot be read", errNotRun)
	}
	return claims, nil
}

// whoIs asks MLflow with a token and nothing else.
func (p *proof) whoIs(ctx context.Context, token string) (status int, who knownAs, err error) {
	b := p.newBrowser()
	page, err := b.Fetch(ctx, http.MethodGet, p.stack.MLflow.URL+currentUserPath, http.Header{"Authorization": {"Bearer " + token}}, nil)
	if err != nil {
		return 0, who, err
	}
	if page.Status == http.StatusOK {
		err = page.JSON(&who)
	}
	return page.Status, who, err
}

// client is an HTTP client that goes the way of the browsers.
func (p *proof) client() *http.Client {
	if p.front == nil {
		return http.DefaultClient
	}
	return p.front.HTTP()
}
