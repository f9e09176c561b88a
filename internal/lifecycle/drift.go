package lifecycle

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/reconcile"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/unmanaged"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// Drift compares what exists, on the host and in Keycloak, with what the program and the
// settings of groups want, and with what nobody of the stack made; it changes nothing, the
// state neither.
func Drift(ctx context.Context, s *stack.Stack, step stack.Step) ([]report.Change, error) {
	if err := driftOfVolumes(ctx, s); err != nil {
		return nil, fmt.Errorf("comparison: %w", err)
	}
	compared, err := s.Compare(ctx, step, true)
	if err != nil {
		return nil, stack.Hinted("comparison", err, compared.Problems)
	}
	step.Say("compared with what there is")
	found := compared.Changes()
	members, err := reconcile.UserDifferences(ctx, s, found)
	if err != nil {
		return nil, err
	}
	unknown, err := unmanaged.Find(ctx, s, step, found)
	// Whoever has to leave an exclusive group is reported once.
	unknown = slices.DeleteFunc(unknown, func(c report.Change) bool {
		return slices.ContainsFunc(members, func(m report.Change) bool { return m.Resource == c.Resource })
	})
	return slices.Concat(found, members, unknown), err
}
