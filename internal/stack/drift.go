package stack

import (
	"context"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Difference is a resource that is not as the program wants it.
type Difference struct {
	// Resource is its name in the program.
	Resource string
	// Operation is what an update would do about it.
	Operation string
	// Properties are those that differ; empty where the resource is gone.
	Properties []string
}

// String is such as "redis-container: would be created".
func (d Difference) String() string {
	text := fmt.Sprintf("%s: would be %s", d.Resource, outcome(d.Operation))
	if len(d.Properties) == 0 {
		return text
	}
	return fmt.Sprintf("%s for %q", text, d.Properties)
}

// Drift compares what there is, on the host and in Keycloak, with what the
// program wants and what the tool sets after it, and changes nothing, the state neither.
func (s *Stack) Drift(ctx context.Context, step Step) ([]Difference, error) {
	watched := newWatch(step)
	_, err := s.pulumi.Preview(ctx, optpreview.Refresh(), optpreview.EventStreams(watched.events),
		optpreview.ErrorProgressStreams(step.Writer()), optpreview.SuppressProgress(), optpreview.Color("never"))
	watched.end()
	if err != nil {
		return nil, because("comparison", err, watched.problems)
	}
	more, err := s.differingAdministrators(ctx, step, watched.differences)
	return append(watched.differences, more...), err
}

// differs takes up a step of a preview that would change something.
func (w *watch) differs(m apitype.StepEventMetadata) {
	state := m.New
	if state == nil {
		state = m.Old
	}
	if _, is := verbs[m.Op]; !is || state == nil || !state.Custom || m.Op == apitype.OpCreateReplacement || m.Op == apitype.OpDeleteReplaced {
		return
	}
	slices.Sort(m.Diffs)
	w.differences = append(w.differences, Difference{Resource: nameOf(m.URN), Operation: string(m.Op), Properties: m.Diffs})
}
