package main

import (
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-random/internal/provider"
)

const (
	name = "random"
	// version is the version of the Go SDK whose programs this plugin serves.
	version = "4.21.1"
)

// types gives each resource of the Terraform provider the SDK's type.
var types = map[string]string{
	"random_bytes":    "RandomBytes",
	"random_id":       "RandomId",
	"random_integer":  "RandomInteger",
	"random_password": "RandomPassword",
	"random_pet":      "RandomPet",
	"random_shuffle":  "RandomShuffle",
	"random_string":   "RandomString",
	"random_uuid":     "RandomUuid",
}

// Provider maps the Terraform provider to the names in the SDK of the same version. Names that it
// omits follow the bridge's rules, as in the SDK.
func Provider() tfbridge.ProviderInfo {
	p := pf.ShimProvider(provider.New())
	info := tfbridge.ProviderInfo{
		P:            p,
		Name:         name,
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Resources:    map[string]*tfbridge.ResourceInfo{},
	}
	for terraform, member := range types {
		info.Resources[terraform] = &tfbridge.ResourceInfo{Tok: tokens.Type(tfbridge.MakeResource(name, "index", member))}
	}
	p.ResourcesMap().Range(func(terraform string, _ shim.Resource) bool {
		if info.Resources[terraform] == nil {
			info.IgnoreMappings = append(info.IgnoreMappings, terraform)
		}
		return true
	})
	return info
}
