package login

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/idpcheck"
)

// upstreams inserts a check of the identity providers before the last one. A stack without
// providers has no such check.
func (p *proof) upstreams(checks []check.Check) []check.Check {
	if len(p.Stack.IdentityProviders) == 0 {
		return checks
	}
	last := len(checks) - 1
	return append(checks[:last:last], check.Check{
		ID: IdentityProviders, Run: check.Proves(p.checkUpstreams), Next: "`mlflow-sso doctor` says what is wrong with which",
	}, checks[last])
}

// checkUpstreams makes Keycloak query each of them.
func (p *proof) checkUpstreams(ctx context.Context) (string, error) {
	found, err := idpcheck.Check(ctx, p.Stack)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return "", check.Mismatch(found[0].What+" ("+found[0].Got+")", found[0].Wanted)
	}
	return fmt.Sprintf("Keycloak reaches all identity providers (%d), and they are as the settings say", len(p.Stack.IdentityProviders)), nil
}
