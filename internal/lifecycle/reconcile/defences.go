// Package reconcile invites listed users without a password after an update, which Pulumi's program
// does not describe, and decides before an update whether Pulumi must refresh.
package reconcile

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/clientsecret"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// DefencesDiffer reports whether Keycloak differs from the last update's configuration of realm master,
// built-in objects and managed groups. It returns false if Keycloak cannot be queried.
func DefencesDiffer(ctx context.Context, s *stack.Stack, deployed outputs.Stack) bool {
	if found, err := adminrealm.New(deployed).Differences(ctx); err == nil && len(found) > 0 {
		return true
	}
	unlisted, err := unlistedMembers(ctx, s, deployed)
	return err == nil && len(unlisted) > 0
}

// LoginRefused reports whether Keycloak refuses the credentials in the state, so that nothing inside
// it can be refreshed: an update was killed between Keycloak and the state, or an older database was
// restored. It returns false if Keycloak does not respond.
func LoginRefused(ctx context.Context, known *stack.State) bool {
	login, ok := known.KeycloakLogin()
	if !ok {
		return false
	}
	accepted, err := clientsecret.Client{AdminURL: login.AdminURL, ID: login.Provider.ID}.Accepts(ctx, login.Provider.Secret)
	return err == nil && !accepted
}
