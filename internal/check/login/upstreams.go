package login

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/idpcheck"
)

// upstreams puts a check of where people are known elsewhere before the last one. A
// stack that asks nobody has no such check.
func (p *proof) upstreams(checks []check) []check {
	if len(p.stack.IdentityProviders) == 0 {
		return checks
	}
	last := len(checks) - 1
	return append(checks[:last:last], check{
		name: "identity-providers", run: p.checkUpstreams, next: "`mlflow-sso doctor` says what is wrong with which",
	}, checks[last])
}

// checkUpstreams has Keycloak itself ask each of them.
func (p *proof) checkUpstreams(ctx context.Context) (string, error) {
	found, err := idpcheck.Check(ctx, p.stack)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return "", differs(found[0].What+" ("+found[0].Got+")", found[0].Wanted)
	}
	return fmt.Sprintf("Keycloak reaches all of %d, and they are as the settings say", len(p.stack.IdentityProviders)), nil
}
