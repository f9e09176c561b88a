package stack

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// marked returns a secret in the format of the engine's events.
func marked() map[string]any {
	return map[string]any{resource.SigKey: resource.SecretSig, "ciphertext": "[secret]"}
}

// step returns an operation on a container, with these inputs before and after.
func step(op apitype.OpType, kind string, before, after map[string]any) apitype.StepEventMetadata {
	m := apitype.StepEventMetadata{Op: op, URN: string(urn(kind, "it")), Type: kind}
	if before != nil {
		m.Old = &apitype.StepEventStateMetadata{Custom: true, Inputs: before, Outputs: before}
	}
	if after != nil {
		m.New = &apitype.StepEventStateMetadata{Custom: true, Inputs: after}
	}
	return m
}

// planned returns the changes that a preview of these operations reports.
func planned(steps ...apitype.StepEventMetadata) []report.Change {
	w := newCollector(silent{})
	for _, m := range steps {
		w.events <- events.EngineEvent{EngineEvent: apitype.EngineEvent{ResourcePreEvent: &apitype.ResourcePreEvent{Planning: true, Metadata: m}}}
	}
	close(w.events)
	w.end()
	return changes(w.differences)
}

func TestAPropertyThatDiffersHasItsOldAndItsNewValue(t *testing.T) {
	m := step(apitype.OpReplace, TypeContainer,
		map[string]any{"memory": 128, "ports": []any{map[string]any{"external": 1}}, "gone": true, "noise": nil, "same": "x"},
		map[string]any{"memory": 192, "ports": []any{map[string]any{"external": 2}}, "image": plugin.UnknownStringValue, "same": "x"})
	m.Keys = []string{"ports"}
	m.DetailedDiff = map[string]apitype.PropertyDiff{
		"memory":            {Kind: apitype.DiffUpdate},
		"ports[0].external": {Kind: apitype.DiffUpdate},
		"image":             {Kind: apitype.DiffUpdateReplace},
		"gone":              {Kind: apitype.DiffDelete, InputDiff: true},
		"noise":             {Kind: apitype.DiffAddReplace},
		"same":              {Kind: apitype.DiffUpdate},
	}

	found := planned(m)

	require.Equal(t, []report.Change{{
		Resource: "it", Kind: "docker Container", Outcome: report.Replaced,
		Properties: []report.Property{
			{Name: "gone", Old: json.RawMessage("true")},
			{Name: "image", New: report.Unknown, Forces: true},
			{Name: "memory", Old: json.RawMessage("128"), New: json.RawMessage("192")},
			{Name: "ports[0].external", Old: json.RawMessage("1"), New: json.RawMessage("2"), Forces: true},
		},
	}}, found)
}

// The provider is not queried about a resource that is replaced because of a dependency.
func TestAContainerReplacedWithItsNetworkIsComparedByItsInputs(t *testing.T) {
	found := planned(step(apitype.OpReplace, TypeContainer,
		map[string]any{"__defaults": []any{"a"}, "network": "old", "same": []any{1}, "gone": 1},
		map[string]any{"__defaults": []any{"b"}, "network": plugin.UnknownStringValue, "same": []any{1}, "more": 2}))

	require.Len(t, found, 1)
	require.Equal(t, "since what it builds on is", found[0].Why)
	require.Equal(t, []report.Property{
		{Name: "gone", Old: json.RawMessage("1")},
		{Name: "more", New: json.RawMessage("2")},
		{Name: "network", Old: json.RawMessage(`"old"`), New: report.Unknown},
	}, found[0].Properties)
}

func TestASecretIsNeverShownWhereverItIs(t *testing.T) {
	inside := func(n int) map[string]any { return map[string]any{"n": n, "list": []any{marked()}} }
	m := step(apitype.OpUpdate, TypeRealm, map[string]any{"envs": marked(), "deep": inside(1)}, map[string]any{"envs": marked(), "deep": inside(2)})
	m.DetailedDiff = map[string]apitype.PropertyDiff{"envs[3]": {}, "deep": {}, "deep.list[0].more": {}}

	found := planned(m)

	require.Equal(t, []report.Property{
		{Name: "deep", Old: json.RawMessage(`{"list":["[secret]"],"n":1}`), New: json.RawMessage(`{"list":["[secret]"],"n":2}`)},
		{Name: "deep.list[0].more", Old: report.Secret, New: report.Secret},
		{Name: "envs[3]", Old: report.Secret, New: report.Secret},
	}, found[0].Properties)
}

func TestDataThatAnUpdateWouldCostComesFirstAndIsNamed(t *testing.T) {
	some := map[string]any{}
	for _, kind := range []string{TypeVolume, TypeRootSecret, TypeRealm, TypeGroup, TypeUser} {
		for _, op := range []apitype.OpType{apitype.OpDelete, apitype.OpReplace} {
			found := planned(step(apitype.OpDelete, TypeContainer, some, nil), step(op, kind, some, some))
			require.Len(t, found, 2)
			require.NotEmpty(t, found[0].DataLoss, "%s of %s", op, kind)
			require.Empty(t, found[1].DataLoss)
		}
		for _, op := range []apitype.OpType{apitype.OpCreate, apitype.OpUpdate} {
			require.Empty(t, planned(step(op, kind, some, some))[0].DataLoss, "%s of %s", op, kind)
		}
	}
}

func TestAReplacementIsReportedOnceAndAComponentNever(t *testing.T) {
	some := map[string]any{}
	component := step(apitype.OpCreate, "mlflow-sso:redis:Server", nil, some)
	component.New.Custom = false

	found := planned(component, step(apitype.OpDeleteReplaced, TypeContainer, some, nil),
		step(apitype.OpReplace, TypeContainer, some, some), step(apitype.OpCreateReplacement, TypeContainer, some, some))

	require.Len(t, found, 1)
	require.Equal(t, report.Replaced, found[0].Outcome)
}

func TestWhatIsProtectedNoMoreIsAChange(t *testing.T) {
	some := map[string]any{"name": "x", "envs": marked()}
	w := newCollector(silent{})
	for _, protect := range []bool{true, false} {
		m := step(apitype.OpSame, TypeVolume, some, some)
		m.Old.Protect, m.New.Protect = true, protect
		w.events <- events.EngineEvent{EngineEvent: apitype.EngineEvent{ResOutputsEvent: &apitype.ResOutputsEvent{Planning: true, Metadata: m}}}
	}
	close(w.events)
	w.end()

	require.Len(t, w.same, 1)
	require.Equal(t, []report.Change{{
		Resource: "it", Kind: "docker Volume", Outcome: report.Changed,
		Properties: []report.Property{{Name: "protect", Old: json.RawMessage("true"), New: json.RawMessage("false")}},
	}}, changes(w.differences))
}

func TestTypesAreReportedInWords(t *testing.T) {
	require.Equal(t, "docker Container", kindOf(TypeContainer))
	require.Equal(t, "provider keycloak", kindOf("pulumi:providers:keycloak"))
}
