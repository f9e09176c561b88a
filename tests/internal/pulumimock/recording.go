package pulumimock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Recording is a program's registrations, in an order that does not depend on the run.
type Recording struct {
	Resources []Resource

	outputs resource.PropertyMap
}

// Get returns the resource of a type and a name, or fails the test.
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

// OfType returns every resource of a type, or fails the test if there is none: a loop over none
// would pass without checking anything.
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

// Outputs returns the scalars of the stack's outputs.
func (r *Recording) Outputs() []Leaf { return leaves("", resource.NewProperty(r.outputs), false) }

// Output returns the stack output at a path, or fails the test.
func (r *Recording) Output(t testing.TB, path string) Leaf {
	t.Helper()
	leaf, ok := at(r.Outputs(), path)
	if !ok {
		t.Fatalf("got no stack output %q, want one", path)
	}
	return leaf
}

// JSON returns the recording without secrets, with one value per line.
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

// ClearOutputs returns the stack's outputs with secrets in plain text, as a tool with the
// passphrase reads them.
func (r *Recording) ClearOutputs() map[string]any {
	return resource.NewProperty(r.outputs).MapRepl(nil, func(value resource.PropertyValue) (any, bool) {
		if value.IsSecret() {
			return value.SecretValue().Element.V, true
		}
		return nil, false
	}).(map[string]any)
}
