package pulumimock

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// What stands in a recording in place of a value.
const (
	Secret  = "[secret]"
	Unknown = "[unknown]"
)

// Leaf is one scalar of a resource's inputs or of the stack's outputs.
type Leaf struct {
	// Path is where it stands, "healthcheck.interval" or "envs[3]".
	Path string
	// Value is in clear: a string, float64, bool or nil. It is nil where unknown.
	Value any
	// Secret says that it, or something around it, is marked as a secret.
	Secret bool
	// Unknown says that only a provider will know it.
	Unknown bool
}

// Text is the value as a text.
func (l Leaf) Text() string {
	if l.Value == nil {
		return ""
	}
	return fmt.Sprint(l.Value)
}

// Readable is the value as a person may see it.
func (l Leaf) Readable() any {
	switch {
	case l.Secret:
		// Of a variable the name is no secret, and says which one it is.
		return variable.FindString(l.Text()) + Secret
	case l.Unknown:
		return Unknown
	default:
		return l.Value
	}
}

// Leaves are all scalars of the inputs, by path.
func (r Resource) Leaves() []Leaf { return leaves("", resource.NewProperty(r.inputs), false) }

// Input is the scalar at a path; ok says whether there is one.
func (r Resource) Input(path string) (leaf Leaf, ok bool) { return at(r.Leaves(), path) }

// Registered are all scalars of a component's outputs, by path.
func (r Resource) Registered() []Leaf { return leaves("", resource.NewProperty(r.outputs), false) }

// Has says whether there is anything at a path or below it.
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

// variable is the beginning of an environment variable. Credentials have small
// letters in them, so none begins like this.
var variable = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)

// readable is a value as a person may see it.
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
