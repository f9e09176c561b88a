package login

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/serviceaccount"
)

// machineChecks are for a stack with service accounts.
func (p *proof) machineChecks(checks []check.Check) []check.Check {
	if len(p.Stack.ServiceAccounts) == 0 {
		return checks
	}
	last := len(checks) - 1 // cleanup stays last
	return slices.Insert(checks, last,
		check.Check{ID: ServiceAccounts, Run: check.Proves(p.checkServiceAccounts), Next: "`mlflow-sso up --refresh` sets accounts back; docker logs --tail 50 {mlflow}", Needs: []check.ID{Discovery}},
		check.Check{ID: OtherAudience, Run: check.Proves(p.checkOtherAudience), Next: "check OIDC_AUDIENCE in docker inspect {mlflow}", Needs: []check.ID{ServiceAccounts}},
	)
}

// knownAs is MLflow's description of the caller.
type knownAs struct {
	Username string `json:"username"`
	Admin    bool   `json:"is_admin"`
	Service  bool   `json:"is_service_account"`
}

// checkServiceAccounts gets a token for each account and uses it, concurrently.
func (p *proof) checkServiceAccounts(ctx context.Context) (string, error) {
	names := make([]string, 0, len(p.Stack.ServiceAccounts))
	for _, account := range p.Stack.ServiceAccounts {
		token, err := serviceaccount.Token(ctx, p.HTTP(), p.Stack, account)
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
	return fmt.Sprintf("MLflow accepts a new token of %s, and knows its account", strings.Join(names, ", ")), nil
}

func judgeAccount(account outputs.ServiceAccount, status int, who knownAs) error {
	if status != http.StatusOK {
		return check.Mismatch(fmt.Sprintf("%d for a new token of %s", status, account.Name), "200, since the stack file declares the account")
	}
	wanted := knownAs{Username: account.Username, Admin: account.Admin, Service: true}
	if who != wanted {
		return check.Mismatch(fmt.Sprintf("%+v for a token of %s", who, account.Name), fmt.Sprintf("%+v", wanted))
	}
	return nil
}

// checkOtherAudience sends MLflow a valid token of the same account whose audience is the
// account's own client.
func (p *proof) checkOtherAudience(ctx context.Context) (string, error) {
	account := p.Stack.ServiceAccounts[0]
	own, err := serviceaccount.Token(ctx, p.HTTP(), p.Stack, account)
	if err != nil {
		return "", err
	}
	other, err := serviceaccount.IDToken(ctx, p.HTTP(), p.Stack, account)
	if err != nil {
		return "", err
	}
	if err := judgeOther(p.Stack, own, other); err != nil {
		return "", err
	}
	status, _, err := p.whoIs(ctx, own)
	if err == nil {
		err = scenario.ExpectStatus(status, http.StatusOK, "the account's token for MLflow")
	}
	if err != nil {
		return "", err
	}
	status, _, err = p.whoIs(ctx, other)
	if err == nil {
		err = scenario.ExpectStatus(status, http.StatusUnauthorized, "the account's token for another audience")
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("MLflow refuses a token of %s for another audience, and accepts the one for MLflow", account.Name), nil
}

// signedFor are the claims by which MLflow identifies an account.
type signedFor struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Username string          `json:"preferred_username"`
	Audience json.RawMessage `json:"aud"`
}

// judgeOther requires that the two tokens differ in their audience and not in their subject;
// otherwise a refusal proves nothing.
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
		return fmt.Errorf("%w: the two tokens are of %s and %s, want two of the same account", check.ErrNotRun, a.Username, b.Username)
	}
	if quoted := `"` + stack.Realm.ClientID + `"`; strings.Contains(string(b.Audience), quoted) || !strings.Contains(string(a.Audience), quoted) {
		return fmt.Errorf("%w: the tokens are for %s and %s, want the first alone for %s", check.ErrNotRun, a.Audience, b.Audience, stack.Realm.ClientID)
	}
	return nil
}

// claimsOf trusts a token that Keycloak has just issued.
func claimsOf(token string) (claims signedFor, err error) {
	if err := scenario.Claims(token, &claims); err != nil {
		return claims, fmt.Errorf("%w: %w", check.ErrNotRun, err)
	}
	return claims, nil
}

// whoIs queries MLflow with a token only.
func (p *proof) whoIs(ctx context.Context, token string) (status int, who knownAs, err error) {
	b := p.NewBrowser()
	page, err := b.Fetch(ctx, http.MethodGet, p.Stack.MLflow.URL+scenario.CurrentUserPath, http.Header{"Authorization": {"Bearer " + token}}, nil)
	if err != nil {
		return 0, who, err
	}
	if page.Status == http.StatusOK {
		err = page.JSON(&who)
	}
	return page.Status, who, err
}
