// Package reconcile does, after an update, what Pulumi's program does not describe: invitations.
// Before an update it says whether that needs a refresh.
package reconcile

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/clientsecret"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// DefencesDiffer says whether Keycloak differs from what the last update has set in realm master, beside
// it and in managed groups. It does not where Keycloak cannot be asked.
func DefencesDiffer(ctx context.Context, s *stack.Stack) bool {
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return false // nothing was deployed
	}
	if found, err := adminrealm.New(deployed).Differences(ctx); err == nil && len(found) > 0 {
		return true
	}
	unlisted, err := UnlistedMembers(ctx, s)
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
