package provider

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// plain returns a value without its secret mark.
func plain(value resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case value.IsSecret():
			value = value.SecretValue().Element
		case value.IsOutput() && value.OutputValue().Known:
			value = value.OutputValue().Element
		default:
			return value
		}
	}
}

func text(inputs resource.PropertyMap, name resource.PropertyKey) string {
	if value := plain(inputs[name]); value.IsString() {
		return value.StringValue()
	}
	return ""
}

func truth(inputs resource.PropertyMap, name resource.PropertyKey) bool {
	value := plain(inputs[name])
	return value.IsBool() && value.BoolValue()
}

func texts(inputs resource.PropertyMap, name resource.PropertyKey) []string {
	value := plain(inputs[name])
	if !value.IsArray() {
		return nil
	}
	var all []string
	for _, element := range value.ArrayValue() {
		if element = plain(element); element.IsString() {
			all = append(all, element.StringValue())
		}
	}
	return all
}

// property is a list of texts.
func property(all []string) resource.PropertyValue {
	values := make([]resource.PropertyValue, 0, len(all))
	for _, text := range all {
		values = append(values, resource.NewProperty(text))
	}
	return resource.NewProperty(values)
}

// compared returns each input that differs, and which of them replace the resource. A replacement
// has another ID, so it can be created before the old one is deleted.
func compared(before, after resource.PropertyMap, replaces func(resource.PropertyKey) bool) plugin.DiffResult {
	both := maps.Clone(before)
	if both == nil {
		both = resource.PropertyMap{}
	}
	maps.Copy(both, after)
	result := plugin.DiffResult{Changes: plugin.DiffNone, DetailedDiff: map[string]plugin.PropertyDiff{}}
	for _, name := range slices.Sorted(maps.Keys(both)) {
		old, had := before[name]
		value, has := after[name]
		if name == "__defaults" || name == "version" || had && has && plain(old).DeepEquals(plain(value)) {
			continue
		}
		forces := replaces != nil && replaces(name)
		kind := plugin.DiffUpdate
		switch {
		case !had:
			kind = plugin.DiffAdd
		case !has:
			kind = plugin.DiffDelete
		}
		if forces {
			kind = kind.AsReplace()
			result.ReplaceKeys = append(result.ReplaceKeys, name)
		}
		result.Changes = plugin.DiffSome
		result.ChangedKeys = append(result.ChangedKeys, name)
		result.DetailedDiff[string(name)] = plugin.PropertyDiff{Kind: kind, InputDiff: true}
	}
	return result
}
