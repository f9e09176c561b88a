package recorder

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
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
		object := map[string]any{}
		for name, member := range value.ObjectValue() {
			object[string(name)] = readable(member)
		}
		return object
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

// exports are the stack's outputs, once everything they wait for is there.
func exports(ctx context.Context, all map[string]pulumi.Input) (resource.PropertyMap, error) {
	made := resource.PropertyMap{}
	for name, input := range all {
		value, err := await(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		made[resource.PropertyKey(name)] = value
	}
	return made, nil
}

// await goes down to each element by itself: one secret in a map makes the whole
// map a secret, and it would be lost which one it was.
func await(ctx context.Context, input pulumi.Input) (resource.PropertyValue, error) {
	switch input := input.(type) {
	case pulumi.Map:
		object, err := exports(ctx, input)
		return resource.NewProperty(object), err
	case pulumi.Array:
		array := []resource.PropertyValue{}
		for i, element := range input {
			value, err := await(ctx, element)
			if err != nil {
				return resource.PropertyValue{}, fmt.Errorf("[%d]: %w", i, err)
			}
			array = append(array, value)
		}
		return resource.NewProperty(array), nil
	}
	got, err := internals.UnsafeAwaitOutput(ctx, pulumi.ToOutput(input))
	if err != nil {
		return resource.PropertyValue{}, err
	}
	value := resource.NewPropertyValue(got.Value)
	if !got.Known {
		value = resource.MakeComputed(resource.NewProperty(""))
	}
	if got.Secret {
		value = resource.MakeSecret(value)
	}
	return value, nil
}
