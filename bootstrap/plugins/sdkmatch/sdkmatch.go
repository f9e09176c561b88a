// Package sdkmatch compares the property names of a plugin that is assembled from a Terraform
// provider with those of Pulumi's Go SDK for that provider.
//
// A property is written as its path and kind: `ports[].internal:int` is a number in each element
// of a list, `labels{}:string` a map of texts. So it detects a missing plural, a rename, and a
// list instead of an object.
package sdkmatch

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// ProviderToken is the token of the provider's own configuration.
const ProviderToken = "provider"

// Arguments are the SDK's arguments of a resource, such as keycloak.RealmArgs{}.
type Arguments interface{ ElementType() reflect.Type }

// Compare returns the inputs that only the SDK has and those that only the plugin has, each as
// "token path", sorted. The SDK's arguments are given by token. A resource on one side only is an
// error.
func Compare(info tfbridge.ProviderInfo, sdk map[string]Arguments) (onlySDK, onlyPlugin []string, err error) {
	plugin := map[string][]string{ProviderToken: properties(info.P.Schema(), info.Config, "")}
	for terraform, to := range info.Resources {
		resource, ok := info.P.ResourcesMap().GetOk(terraform)
		if !ok {
			return nil, nil, fmt.Errorf("%s is mapped but the Terraform provider has no such resource", terraform)
		}
		plugin[to.Tok.String()] = properties(resource.Schema(), to.Fields, "")
	}
	for token := range plugin {
		if _, ok := sdk[token]; !ok {
			return nil, nil, fmt.Errorf("%s is mapped but the test names no SDK arguments for it", token)
		}
	}
	for token, arguments := range sdk {
		if _, ok := plugin[token]; !ok {
			return nil, nil, fmt.Errorf("%s is in the SDK's list but not mapped", token)
		}
		known := kinds(arguments.ElementType(), "")
		for _, property := range known {
			if !slices.Contains(plugin[token], property) {
				onlySDK = append(onlySDK, token+" "+property)
			}
		}
		for _, property := range plugin[token] {
			if !slices.Contains(known, property) {
				onlyPlugin = append(onlyPlugin, token+" "+property)
			}
		}
	}
	slices.Sort(onlySDK)
	slices.Sort(onlyPlugin)
	return onlySDK, onlyPlugin, nil
}

// properties returns the inputs of a Terraform schema, by the bridge's names.
func properties(schema shim.SchemaMap, infos map[string]*tfbridge.SchemaInfo, under string) []string {
	var found []string
	schema.Range(func(terraform string, s shim.Schema) bool {
		outputOnly := s.Computed() && !s.Optional() && !s.Required()
		ownID := terraform == "id" && under == "" // Pulumi handles it separately from the properties
		if ownID || outputOnly || s.Removed() != "" {
			return true
		}
		path := under + tfbridge.TerraformToPulumiNameV2(terraform, schema, infos)
		found = append(found, property(s, infos[terraform], path)...)
		return true
	})
	return found
}

func property(s shim.Schema, info *tfbridge.SchemaInfo, path string) []string {
	var of *tfbridge.SchemaInfo
	if info != nil {
		of = info.Elem
	}
	switch s.Type() {
	case shim.TypeBool:
		return []string{path + ":bool"}
	case shim.TypeInt:
		return []string{path + ":int"}
	case shim.TypeFloat:
		return []string{path + ":float64"}
	case shim.TypeString:
		return []string{path + ":string"}
	case shim.TypeMap:
		path += "{}"
	case shim.TypeList, shim.TypeSet:
		if !tfbridge.IsMaxItemsOne(s, info) {
			path += "[]"
		}
	}
	switch elem := s.Elem().(type) {
	case shim.Schema:
		return property(elem, of, path)
	case shim.Resource:
		var fields map[string]*tfbridge.SchemaInfo
		if of != nil {
			fields = of.Fields
		}
		return properties(elem.Schema(), fields, path+".")
	}
	return []string{path + ":string"} // a list or map without a type contains texts
}

// kinds returns the properties of an SDK struct.
func kinds(t reflect.Type, path string) []string {
	switch t.Kind() {
	case reflect.Pointer:
		return kinds(t.Elem(), path)
	case reflect.Slice:
		return kinds(t.Elem(), path+"[]")
	case reflect.Map:
		return kinds(t.Elem(), path+"{}")
	case reflect.Struct:
		if path != "" {
			path += "."
		}
		var found []string
		for field := range t.NumField() {
			if name := t.Field(field).Tag.Get("pulumi"); name != "" {
				found = append(found, kinds(t.Field(field).Type, path+name)...)
			}
		}
		return found
	}
	return []string{path + ":" + t.Kind().String()}
}
