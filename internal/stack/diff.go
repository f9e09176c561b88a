package stack

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/components/permissions"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// difference is a resource that an update would change.
type difference struct {
	urn    string
	change report.Change
	// keys are the properties that force a replacement.
	keys []string
}

// outcomes are the reported operations of a preview. It omits the two halves of a replacement,
// which is also an operation itself.
var outcomes = map[apitype.OpType]report.Outcome{
	apitype.OpCreate: report.Created, apitype.OpUpdate: report.Changed, apitype.OpReplace: report.Replaced, apitype.OpDelete: report.Removed,
}

// plan adds an operation of a preview that would change something.
func (w *eventCollector) plan(m apitype.StepEventMetadata, step Step) {
	state := m.New
	if state == nil {
		state = m.Old
	}
	outcome, ok := outcomes[m.Op]
	if !ok || state == nil || !state.Custom { // a component is its children
		return
	}
	w.differences = append(w.differences, differs(m, outcome))
	step.Say("%s differs", nameOf(m.URN))
	if m.Op == apitype.OpCreate {
		w.creates = append(w.creates, created{urn: m.URN, kind: m.Type, parent: state.Parent, provider: state.Provider, inputs: state.Inputs})
	}
}

// stays counts what a preview leaves unchanged. Pulumi does not report a changed protection,
// which matters to a user.
func (w *eventCollector) stays(m apitype.StepEventMetadata, step Step) {
	switch {
	case m.Op != apitype.OpSame || m.New == nil || !m.New.Custom:
	case m.Old != nil && m.Old.Protect != m.New.Protect:
		w.differences = append(w.differences, differs(m, report.Changed))
	default:
		w.same[m.URN] = true
		step.Say("%s stays", nameOf(m.URN))
	}
}

func differs(m apitype.StepEventMetadata, outcome report.Outcome) difference {
	d := difference{urn: m.URN, keys: m.Keys, change: report.Change{Resource: nameOf(m.URN), Kind: kindOf(m.Type), Outcome: outcome}}
	if m.Type == permissions.GrantType {
		d.change.Resource = sentence(m)
	}
	if outcome == report.Changed || outcome == report.Replaced {
		d.change.Properties = properties(m)
	}
	if outcome == report.Replaced && len(m.Keys) == 0 {
		d.change.Why = "since what it builds on is"
	}
	if outcome == report.Replaced || outcome == report.Removed {
		d.change.DataLoss = losses[m.Type]
	}
	return d
}

// losses is the data that is deleted with a resource of a type.
var losses = map[string]string{
	TypeVolume:     "all that is in this volume would be deleted",
	TypeRootSecret: "every credential would be another one, and what is in the data volumes could not be opened any more",
	TypeRealm:      "all users, groups and sessions in this realm would be deleted",
	TypeUser:       "this user could no longer log in, and would need a new invitation",
	TypeGroup:      "all users would leave this group",
}

// kindOf returns a readable name of a type's token, such as "docker Container".
func kindOf(token string) string {
	if name, ok := strings.CutPrefix(token, "pulumi:providers:"); ok {
		return "provider " + name
	}
	pkg, _, _ := strings.Cut(token, ":")
	return pkg + " " + token[strings.LastIndex(token, ":")+1:]
}

// changes returns the differences in display order: data loss first, then by severity.
func changes(all []difference) []report.Change {
	order := []report.Outcome{report.Removed, report.Replaced, report.Changed, report.Created}
	rank := func(c report.Change) int {
		if c.DataLoss != "" {
			return -1
		}
		return slices.Index(order, c.Outcome)
	}
	found := make([]report.Change, 0, len(all))
	for _, d := range all {
		found = append(found, d.change)
	}
	slices.SortStableFunc(found, func(a, b report.Change) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Kind, b.Kind))
	})
	return found
}

// properties returns the properties of an operation that differ. If the provider was not queried,
// as for a container that is replaced with its network, the inputs are compared.
func properties(m apitype.StepEventMetadata) []report.Property {
	if m.Old == nil || m.New == nil {
		return nil
	}
	var found []report.Property
	add := func(path string, forces bool, before, after any) {
		p := report.Property{Name: path, Old: shown(before), New: shown(after), Forces: forces || slices.Contains(m.Keys, top(path))}
		// Secrets look the same before and after.
		if !bytes.Equal(p.Old, p.New) || bytes.Contains(p.Old, report.Secret) {
			found = append(found, p)
		}
	}
	if m.Old.Protect != m.New.Protect {
		add("protect", false, m.Old.Protect, m.New.Protect)
	}
	for path, d := range m.DetailedDiff {
		before := m.Old.Outputs
		if d.InputDiff {
			before = m.Old.Inputs
		}
		add(path, strings.HasSuffix(string(d.Kind), "-replace"), at(before, path), at(m.New.Inputs, path))
	}
	if m.DetailedDiff == nil {
		keys := m.Diffs
		if len(keys) == 0 && m.Op == apitype.OpReplace {
			keys = unlike(m.Old.Inputs, m.New.Inputs)
		}
		for _, key := range keys {
			add(key, false, m.Old.Inputs[key], m.New.Inputs[key])
		}
	}
	slices.SortFunc(found, func(a, b report.Property) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// unlike returns the keys whose values differ.
func unlike(a, b map[string]any) []string {
	both := map[string]any{}
	maps.Copy(both, a)
	maps.Copy(both, b)
	var keys []string
	for key := range both {
		if key != providersNotes && !bytes.Equal(shown(a[key]), shown(b[key])) {
			keys = append(keys, key)
		}
	}
	return keys
}

// top returns the first property of a path.
func top(path string) string {
	if end := strings.IndexAny(path, ".["); end > 0 {
		return path[:end]
	}
	return path
}

// at returns the value at a path; nil if there is none. It does not look into secrets.
func at(values map[string]any, path string) any {
	steps, err := resource.ParsePropertyPath(path)
	if err != nil {
		return nil
	}
	var value any = values
	for _, step := range steps {
		if isSecret(value) {
			return value
		}
		switch container := value.(type) {
		case map[string]any:
			key, _ := step.(string)
			value = container[key]
		case []any:
			i, ok := step.(int)
			if !ok || i >= len(container) {
				return nil
			}
			value = container[i]
		default:
			return nil
		}
	}
	return value
}

// providersNotes is where a provider notes which values it has chosen.
const providersNotes = "__defaults"

// isSecret reports whether the engine has marked a value as secret.
func isSecret(value any) bool {
	marked, ok := value.(map[string]any)
	return ok && marked[resource.SigKey] == resource.SecretSig
}

// shown returns a value that is safe to show; nil if there is none.
func shown(value any) json.RawMessage {
	switch value {
	case nil:
		return nil
	case any(plugin.UnknownStringValue):
		return report.Unknown
	}
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(readable(value)); err != nil {
		return report.Secret // anything that may be a secret is not shown
	}
	return bytes.TrimSpace(encoded.Bytes())
}

// readable replaces secrets and unknown values by words, and omits providers' notes.
func readable(value any) any {
	switch value := value.(type) {
	case string:
		if value == plugin.UnknownStringValue {
			return report.Unknown
		}
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = readable(value[i])
		}
		return list
	case map[string]any:
		if isSecret(value) {
			return report.Secret
		}
		object := map[string]any{}
		for key, member := range value {
			if key != providersNotes {
				object[key] = readable(member)
			}
		}
		return object
	}
	return value
}
