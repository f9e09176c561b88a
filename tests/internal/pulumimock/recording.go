package pulumimock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Recording is what a program asked for, in an order that does not depend on
// the run.
type Recording struct {
	Resources []Resource

	outputs resource.PropertyMap
}

// Get is the resource of a type and a name. The test ends where there is none.
func (r *Recording) Get(t testing.TB, token, name string) Resource {
	t.Helper()
	for _, made := range r.Resources {
		if made.Type == token && made.Name == name {
			return made
		}
	}
	t.Fatalf("got no %s named %q among %d resources, want one", token, name, len(r.Resources))
	return Resource{}
}

// OfType is every resource of a type. The test ends where there is none: a check
// of each of them would pass by checking nothing.
func (r *Recording) OfType(t testing.TB, token string) []Resource {
	t.Helper()
	var all []Resource
	for _, made := range r.Resources {
		if made.Type == token {
			all = append(all, made)
		}
	}
	if len(all) == 0 {
		t.Fatalf("got no %s among %d resources, want at least one", token, len(r.Resources))
	}
	return all
}

// Outputs are the scalars of the stack's outputs.
func (r *Recording) Outputs() []Leaf { return leaves("", resource.NewProperty(r.outputs), false) }

// Output is the stack output at a path. The test ends where there is none.
func (r *Recording) Output(t testing.TB, path string) Leaf {
	t.Helper()
	leaf, ok := at(r.Outputs(), path)
	if !ok {
		t.Fatalf("got no stack output %q, want one", path)
	}
	return leaf
}

// JSON is the recording as a person may see it, with one value per line.
func (r *Recording) JSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(map[string]any{
		"outputs": readable(resource.NewProperty(r.outputs)), "resources": r.Resources,
	}); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return out.Bytes(), nil
}

// ClearOutputs are the stack's outputs with their secrets in clear, as a tool
// that knows the passphrase reads them.
func (r *Recording) ClearOutputs() map[string]any {
	return resource.NewProperty(r.outputs).MapRepl(nil, func(value resource.PropertyValue) (any, bool) {
		if value.IsSecret() {
			return value.SecretValue().Element.V, true
		}
		return nil, false
	}).(map[string]any)
}
