package lifecycle

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/rotation"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// Preview reports what Up would change, from the state only or, with refresh, after reading the
// host and Keycloak. Without refresh no service needs to run. The stack is one from
// [stack.OpenForPreview].
func Preview(ctx context.Context, s *stack.Stack, step stack.Step, refresh bool) (report.Preview, error) {
	if err := rotation.RejectDecrease(ctx, s); err != nil {
		return report.Preview{}, fmt.Errorf("preview: %w", err)
	}
	if err := previewVolumes(ctx, s); err != nil {
		return report.Preview{}, fmt.Errorf("preview: %w", err)
	}
	found, err := s.CompareInDetail(ctx, step, refresh)
	if err != nil {
		return report.Preview{}, stack.Hinted("preview", err, explainDetached(s, found.Problems))
	}
	found.Adjust(func(c *report.Change) { showDetached(s, c) })
	if err := s.NameVariables(ctx, found); err != nil {
		return report.Preview{}, fmt.Errorf("preview: %w", err)
	}
	return report.Preview{Stack: s.Name, Changes: found.Changes(), Same: found.Same()}, nil
}
