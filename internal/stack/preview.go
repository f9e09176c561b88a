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

// OpenForPreview opens a stack for a preview, and changes nothing: the copies for Pulumi are in a
// temporary folder, which Close removes. If the state has no such stack, it previews an empty one
// in that folder.
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

// Close removes what OpenForPreview has created.
func (s *Stack) Close() error {
	if s.scratch == "" {
		return nil
	}
	return os.RemoveAll(s.scratch)
}

// Comparison is the result of a preview.
type Comparison struct {
	// Problems are the errors of the preview.
	Problems []string

	differences []difference
	same        int
}

// Changes are what an update would do, data loss first.
func (c *Comparison) Changes() []report.Change { return changes(c.differences) }

// Same is the number of resources that an update would leave unchanged.
func (c *Comparison) Same() int { return c.same }

// Adjust lets change modify every change before they are sorted.
func (c *Comparison) Adjust(change func(*report.Change)) {
	for i := range c.differences {
		change(&c.differences[i].change)
	}
}

// Compare runs a preview, which changes nothing. With refresh, Pulumi first reads the actual
// state. Pulumi's output is dropped: it repeats the events, with advice about the plan. It also
// returns a Comparison with an error.
func (s *Stack) Compare(ctx context.Context, step Step, refresh bool) (*Comparison, error) {
	var options []optpreview.Option
	if refresh {
		options = append(options, optpreview.Refresh())
	}
	return s.compare(ctx, step, options...)
}

// CompareInDetail is Compare on a stack from OpenForPreview that also records what
// [Stack.NameVariables] needs.
func (s *Stack) CompareInDetail(ctx context.Context, step Step, refresh bool) (*Comparison, error) {
	options := []optpreview.Option{optpreview.Plan(s.planFile())}
	if refresh {
		options = append(options, optpreview.Refresh())
	}
	return s.compare(ctx, step, options...)
}

// NameVariables adds which variables of containers differ, see [Stack.CompareInDetail].
func (s *Stack) NameVariables(ctx context.Context, found *Comparison) error {
	return s.nameVariables(ctx, s.planFile(), found.differences)
}

func (s *Stack) planFile() string { return filepath.Join(s.scratch, "plan.json") }

func (s *Stack) compare(ctx context.Context, step Step, options ...optpreview.Option) (*Comparison, error) {
	collector := newCollector(step)
	if len(s.PolicyPacks) > 0 {
		options = append(options, optpreview.PolicyPacks(s.PolicyPacks...))
	}
	options = append(options, optpreview.EventStreams(collector.events), optpreview.SuppressProgress(), optpreview.Color("never"),
		optpreview.UserAgent("mlflow-sso"))
	_, err := s.pulumi.Preview(ctx, options...)
	collector.end()
	s.addAdvice(collector.advice)
	return &Comparison{Problems: collector.problems, differences: collector.differences, same: len(collector.same)}, err
}

// Creation is a resource that an update would create. Parent and Provider are names.
type Creation struct {
	URN, Type, Name, Parent, Provider string
	Inputs                            map[string]any
}

// Creations returns what an update would create.
func (s *Stack) Creations(ctx context.Context, step Step) ([]Creation, error) {
	collector := newCollector(step)
	_, err := s.pulumi.Preview(ctx, optpreview.EventStreams(collector.events), optpreview.ErrorProgressStreams(step.Writer()))
	collector.end()
	if err != nil {
		return nil, Hinted("preview", err, collector.problems)
	}
	all := make([]Creation, 0, len(collector.creates))
	for _, c := range collector.creates {
		all = append(all, Creation{
			URN: c.urn, Type: c.kind, Name: nameOf(c.urn), Parent: nameOf(c.parent), Provider: nameOf(urnOfReference(c.provider)), Inputs: c.inputs,
		})
	}
	return all, nil
}
