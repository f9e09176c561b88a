package stack

import (
	"fmt"
	"io"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// said is a step that records its reports.
type said []string

func (s *said) Say(format string, args ...any) { *s = append(*s, fmt.Sprintf(format, args...)) }

func (*said) Writer() io.Writer { return io.Discard }

func TestOnlyPermanentReportsOfTheProjectsProviderAreInTheSummary(t *testing.T) {
	const members = "urn:pulumi:s::p::mlflow-sso:realm:Realm$mlflow-sso:identity:GroupMembers::realm-members-team"
	var step said
	collector := newCollector(&step)
	for _, d := range []apitype.DiagnosticEvent{
		{URN: members, Severity: "info", Message: "<{%reset%}>person eve in group team taken out\n<{%reset%}>"},
		{URN: members, Severity: "info", Message: "3 of 20 checks", Ephemeral: true},
		{URN: members, Severity: "warning", Message: pulumiplugin.NotCompared + ": refused"},
		{URN: "urn:pulumi:s::p::docker:index/container:Container::c", Severity: "info", Message: "of another provider"},
		{Severity: "info", Message: "of Pulumi itself"},
	} {
		collector.events <- events.EngineEvent{EngineEvent: apitype.EngineEvent{DiagnosticEvent: &d}}
	}
	close(collector.events)
	collector.end()
	require.Equal(t, []string{"person eve in group team taken out"}, collector.reports)
	require.Equal(t, said{"person eve in group team taken out"}, step)
	require.Empty(t, collector.problems)
}
