// Package reconcile invites, after an update, listed users without a password, which Pulumi's program
// does not describe, and finds before an update whether Pulumi has to refresh.
package reconcile

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/clientsecret"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// DefencesDiffer says whether Keycloak differs from what the last update has set in realm master, beside
// it and in managed groups. It does not where Keycloak cannot be asked.
func DefencesDiffer(ctx context.Context, s *stack.Stack, deployed outputs.Stack) bool {
	if found, err := adminrealm.New(deployed).Differences(ctx); err == nil && len(found) > 0 {
		return true
	}
	unlisted, err := unlistedMembers(ctx, s, deployed)
	return err == nil && len(unlisted) > 0
}

// LoginRefused says whether Keycloak refuses the login of the state, so that nothing inside it can be
// refreshed: an update was killed between Keycloak and the state, or an older database was restored.
// It does not where Keycloak does not answer.
func LoginRefused(ctx context.Context, known *stack.State) bool {
	login, ok := known.KeycloakLogin()
	if !ok {
		return false
	}
	accepted, err := clientsecret.Client{AdminURL: login.AdminURL, ID: login.Provider.ID}.Accepts(ctx, login.Provider.Secret)
	return err == nil && !accepted
}
