package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// OpenForPreview opens a stack to preview it, and leaves everything as it is: the copies for
// Pulumi are in a folder of their own, which Close removes. Where the state has no
// such stack, an empty one is looked at, which is in that folder, too.
func OpenForPreview(ctx context.Context, options Options) (*Stack, error) {
	folder, err := os.MkdirTemp("", "mlflow-sso-preview-")
	if err != nil {
		return nil, fmt.Errorf("stack %q: %w", options.Name, err)
	}
	at := place{mirror: filepath.Join(folder, "copies"), scratch: folder}
	s, err := open(ctx, options, at, auto.SelectStackLocalSource)
	if isMissing(err) {
		at.backendURL = "file://" + folder + "?metadata=skip"
		s, err = open(ctx, options, at, auto.UpsertStackLocalSource)
	}
	if err != nil {
		_ = os.RemoveAll(folder)
		return nil, err
	}
	return s, nil
}

// Close removes what Look has made.
func (s *Stack) Close() error {
	if s.scratch == "" {
		return nil
	}
	return os.RemoveAll(s.scratch)
}

// Preview is what an update would change, told from the state alone; with
// refresh, what there is on the host and in Keycloak is looked at first. No
// service has to run without it. The stack is one from Look.
func (s *Stack) Preview(ctx context.Context, step Step, refresh bool) (report.Preview, error) {
	if err := s.rejectGenerationDecrease(ctx); err != nil {
		return report.Preview{}, fmt.Errorf("preview: %w", err)
	}
	plan := filepath.Join(s.scratch, "plan.json")
	options := []optpreview.Option{optpreview.Plan(plan)}
	if refresh {
		options = append(options, optpreview.Refresh())
	}
	watched, err := s.compare(ctx, step, options...)
	if err != nil {
		return report.Preview{}, Hinted("preview", err, s.movesProtected(watched.problems))
	}
	s.showDetached(watched.differences)
	if err := s.nameVariables(ctx, plan, watched.differences); err != nil {
		return report.Preview{}, fmt.Errorf("preview: %w", err)
	}
	passwords, err := s.rotatedPasswords(ctx)
	if err != nil {
		return report.Preview{}, fmt.Errorf("preview: %w", err)
	}
	return report.Preview{Stack: s.Name, Changes: append(changes(watched.differences), passwords...), Same: len(watched.same)}, nil
}

// compare runs a preview, which changes nothing. What Pulumi prints is not told:
// it is what the events say once more, and advice about the plan.
func (s *Stack) compare(ctx context.Context, step Step, options ...optpreview.Option) (*eventCollector, error) {
	watched := newCollector(step)
	options = append(options, optpreview.EventStreams(watched.events), optpreview.SuppressProgress(), optpreview.Color("never"),
		optpreview.UserAgent("mlflow-sso"))
	_, err := s.pulumi.Preview(ctx, options...)
	watched.end()
	return watched, err
}
