package pulumimock

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Resource is one registration. It refers to other resources by their keys.
type Resource struct {
	Type                string   `json:"type"`
	Name                string   `json:"name"`
	Parent              string   `json:"parent,omitempty"`
	Provider            string   `json:"provider,omitempty"`
	Custom              bool     `json:"-"`
	Protect             bool     `json:"protect,omitempty"`
	RetainOnDelete      bool     `json:"retainOnDelete,omitempty"`
	DeleteBeforeReplace bool     `json:"deleteBeforeReplace,omitempty"`
	DeletedWith         string   `json:"deletedWith,omitempty"`
	DependsOn           []string `json:"dependsOn,omitempty"`
	ReplaceOnChanges    []string `json:"replaceOnChanges,omitempty"`
	IgnoreChanges       []string `json:"ignoreChanges,omitempty"`
	SecretOutputs       []string `json:"secretOutputs,omitempty"`
	Aliases             []string `json:"aliases,omitempty"`
	// ComputedFrom are the resources whose outputs the inputs contain.
	ComputedFrom []string `json:"-"`
	// Inputs are for reading: a secret is "[secret]", an unknown value "[unknown]".
	Inputs map[string]any `json:"inputs,omitempty"`
	// Outputs are what a component registered, for reading too.
	Outputs map[string]any `json:"outputs,omitempty"`

	inputs, outputs resource.PropertyMap
}

// Key identifies the resource: "type::name".
func (r Resource) Key() string { return r.Type + "::" + r.Name }

func newResource(rpc *pulumirpc.RegisterResourceRequest, inputs resource.PropertyMap) *Resource {
	made := &Resource{
		Type:                rpc.GetType(),
		Name:                rpc.GetName(),
		Parent:              key(rpc.GetParent()),
		Provider:            providerKey(rpc.GetProvider()),
		Custom:              rpc.GetCustom(),
		Protect:             rpc.GetProtect(),
		RetainOnDelete:      rpc.GetRetainOnDelete(),
		DeleteBeforeReplace: rpc.GetDeleteBeforeReplace(),
		DeletedWith:         key(rpc.GetDeletedWith()),
		ReplaceOnChanges:    slices.Sorted(slices.Values(rpc.GetReplaceOnChanges())),
		IgnoreChanges:       slices.Sorted(slices.Values(rpc.GetIgnoreChanges())),
		SecretOutputs:       slices.Sorted(slices.Values(rpc.GetAdditionalSecretOutputs())),
		Inputs:              readableMap(inputs),
		inputs:              inputs,
	}
	for _, urn := range rpc.GetDependencies() {
		made.DependsOn = append(made.DependsOn, key(urn))
	}
	slices.Sort(made.DependsOn)
	for _, input := range rpc.GetPropertyDependencies() {
		for _, urn := range input.GetUrns() {
			made.ComputedFrom = append(made.ComputedFrom, key(urn))
		}
	}
	slices.Sort(made.ComputedFrom)
	made.ComputedFrom = slices.Compact(made.ComputedFrom)
	for _, alias := range rpc.GetAliases() {
		// protobuf's text format randomly has one or two spaces between fields, depending on the
		// build.
		made.Aliases = append(made.Aliases, strings.Join(strings.Fields(alias.String()), " "))
	}
	made.Aliases = append(made.Aliases, rpc.GetAliasURNs()...)
	return made
}

// key shortens a URN. The stack itself counts as no parent in a recording.
func key(urn string) string {
	if urn == "" || resource.URN(urn).Type() == resource.RootStackType {
		return ""
	}
	return string(resource.URN(urn).Type()) + "::" + resource.URN(urn).Name()
}

// providerKey shortens a reference to a provider, "<urn>::<id>".
func providerKey(reference string) string {
	for i := len(reference) - 1; i > 0; i-- {
		if reference[i] == ':' && reference[i-1] == ':' {
			return key(reference[:i-1])
		}
	}
	return ""
}
