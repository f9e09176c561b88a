package lifecycle

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/drift"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/reconcile"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/unmanaged"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// Drift runs the suite of package drift on a stack: it compares the host, Keycloak, MLflow and
// Postgres with the program and the settings, and changes nothing. It also returns a report with
// an error, which describes the places that could not be read.
func Drift(ctx context.Context, s *stack.Stack, step stack.Step, flags string) (check.Report, error) {
	return drift.Run(ctx, s.Config.Name, flags, drift.Places{
		Volumes: func(ctx context.Context) error {
			if err := driftOfVolumes(ctx, s); err != nil {
				return fmt.Errorf("comparison: %w", err)
			}
			return nil
		},
		Resources: func(ctx context.Context) ([]report.Change, error) {
			compared, err := s.Compare(ctx, step, true)
			if err != nil {
				return nil, stack.Hinted("comparison", err, compared.Problems)
			}
			step.Say("compared with the actual state")
			return compared.Changes(), nil
		},
		Members:    func(ctx context.Context) ([]check.Finding, error) { return reconcile.UnlistedMembers(ctx, s) },
		Host:       func(ctx context.Context) ([]check.Finding, error) { return unmanaged.OnHost(ctx, s) },
		Realm:      func(ctx context.Context) ([]check.Finding, error) { return unmanaged.InRealm(ctx, s, step) },
		Privileges: func(ctx context.Context) ([]check.Finding, error) { return unmanaged.Privileges(ctx, s, step) },
	}, check.Observer{})
}
