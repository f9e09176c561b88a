// Package reconcile sets, after an update, what Pulumi's program does not describe, members of
// managed groups and invitations, and says before one whether Pulumi has to refresh.
package reconcile

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// AdminRealmDiffers says whether Keycloak differs from what the last update has set in realm
// master and beside it. It does not where Keycloak cannot be asked.
func AdminRealmDiffers(ctx context.Context, s *stack.Stack) bool {
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return false // nothing was deployed
	}
	found, err := adminrealm.New(deployed).Differences(ctx)
	return err == nil && len(found) > 0
}
