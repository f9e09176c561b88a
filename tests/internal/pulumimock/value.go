package pulumimock

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Placeholders of values in a recording.
const (
	Secret  = "[secret]"
	Unknown = "[unknown]"
)

// Leaf is one scalar of a resource's inputs or of the stack's outputs.
type Leaf struct {
	// Path is its path, "healthcheck.interval" or "envs[3]".
	Path string
	// Value is in plain text: a string, float64, bool or nil. It is nil if unknown.
	Value any
	// Secret reports that it, or a value that contains it, is marked as secret.
	Secret bool
	// Unknown reports that only a provider will compute it.
	Unknown bool
}

// Text returns the value as a text.
func (l Leaf) Text() string {
	if l.Value == nil {
		return ""
	}
	return fmt.Sprint(l.Value)
}

// Readable returns the value without secrets.
func (l Leaf) Readable() any {
	switch {
	case l.Secret:
		// A variable's name is not secret, and identifies it.
		return variable.FindString(l.Text()) + Secret
	case l.Unknown:
		return Unknown
	default:
		return l.Value
	}
}

// Leaves returns all scalars of the inputs, by path.
func (r Resource) Leaves() []Leaf { return leaves("", resource.NewProperty(r.inputs), false) }

// Input returns the scalar at a path; ok reports whether it exists.
func (r Resource) Input(path string) (leaf Leaf, ok bool) { return at(r.Leaves(), path) }

// Registered returns all scalars of a component's outputs, by path.
func (r Resource) Registered() []Leaf { return leaves("", resource.NewProperty(r.outputs), false) }

// Has reports whether anything is at a path or below it.
func (r Resource) Has(path string) bool {
	return slices.ContainsFunc(r.Leaves(), func(l Leaf) bool {
		rest, below := strings.CutPrefix(l.Path, path)
		return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

func at(all []Leaf, path string) (Leaf, bool) {
	for _, leaf := range all {
		if leaf.Path == path {
			return leaf, true
		}
	}
	return Leaf{}, false
}

func leaves(path string, value resource.PropertyValue, secret bool) []Leaf {
	var all []Leaf
	switch {
	case value.IsSecret():
		return leaves(path, value.SecretValue().Element, true)
	case value.IsComputed() || value.IsOutput():
		return []Leaf{{Path: path, Secret: secret, Unknown: true}}
	case value.IsObject():
		object := value.ObjectValue()
		for _, name := range slices.Sorted(maps.Keys(object)) {
			below := string(name)
			if path != "" {
				below = path + "." + below
			}
			all = append(all, leaves(below, object[name], secret)...)
		}
	case value.IsArray():
		for i, element := range value.ArrayValue() {
			all = append(all, leaves(fmt.Sprintf("%s[%d]", path, i), element, secret)...)
		}
	default:
		all = append(all, Leaf{Path: path, Value: value.V, Secret: secret})
	}
	return all
}

// variable matches the start of an environment variable. Credentials contain lower case letters,
// so none starts like this.
var variable = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)

// readable returns a value without secrets.
func readable(value resource.PropertyValue) any {
	switch {
	case value.IsSecret():
		if element := value.SecretValue().Element; element.IsString() {
			return Leaf{Value: element.V, Secret: true}.Readable()
		}
		return Secret
	case value.IsComputed() || value.IsOutput():
		return Unknown
	case value.IsObject():
		return readableMap(value.ObjectValue())
	case value.IsArray():
		array := []any{}
		for _, element := range value.ArrayValue() {
			array = append(array, readable(element))
		}
		return array
	default:
		return value.V
	}
}

func readableMap(values resource.PropertyMap) map[string]any {
	object := map[string]any{}
	for name, value := range values {
		object[string(name)] = readable(value)
	}
	return object
}
