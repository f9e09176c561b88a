package stack

import (
	"context"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// Drift compares what there is, on the host and in Keycloak, with what the
// program wants and what the tool sets after it, and with what nobody of the stack
// made; it changes nothing, the state neither.
func (s *Stack) Drift(ctx context.Context, step Step) ([]report.Change, error) {
	watched, err := s.compare(ctx, step, optpreview.Refresh())
	if err != nil {
		return nil, Hinted("comparison", err, watched.problems)
	}
	step.Say("compared with what there is")
	found := changes(watched.differences)
	more, err := s.differingAdministrators(ctx, step, found)
	if err != nil {
		return nil, err
	}
	members, err := s.differingPeople(ctx, found)
	if err != nil {
		return nil, err
	}
	unknown, err := s.findUnmanaged(ctx, step, found)
	// Whoever has to leave an exclusive group is told once.
	unknown = slices.DeleteFunc(unknown, func(c report.Change) bool {
		return slices.ContainsFunc(members, func(m report.Change) bool { return m.Resource == c.Resource })
	})
	return slices.Concat(found, more, members, unknown), err
}
