package main

import (
	"context"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

const (
	name = "docker"
	// version is the version of the Go SDK whose programs this plugin serves.
	version = "4.11.2"
	// localHost is the default address of the engine.
	localHost = "unix:///var/run/docker.sock"
)

// types gives each resource of the Terraform provider the SDK's type. The SDK's
// Image and BuildxBuilder are written for the vendor's plugin and have no
// counterpart here.
var types = map[string]string{
	"docker_config":         "ServiceConfig",
	"docker_container":      "Container",
	"docker_image":          "RemoteImage",
	"docker_network":        "Network",
	"docker_plugin":         "Plugin",
	"docker_registry_image": "RegistryImage",
	"docker_secret":         "Secret",
	"docker_service":        "Service",
	"docker_tag":            "Tag",
	"docker_volume":         "Volume",
}

// Provider maps the Terraform provider to the names in the SDK of the same version. Names that it
// omits follow the bridge's rules, as in the SDK.
func Provider() tfbridge.ProviderInfo {
	p := shimv2.NewProvider(provider.New(version)())
	info := tfbridge.ProviderInfo{
		P:            p,
		Name:         name,
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {Default: &tfbridge.DefaultInfo{
				EnvVars: []string{"DOCKER_HOST"},
				ComputeDefault: func(context.Context, tfbridge.ComputeDefaultOptions) (any, error) {
					return localHost, nil
				},
			}},
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		Resources: map[string]*tfbridge.ResourceInfo{},
	}
	for terraform, member := range types {
		info.Resources[terraform] = &tfbridge.ResourceInfo{Tok: tokens.Type(tfbridge.MakeResource(name, "index", member))}
	}
	// A container's name and ports are exclusive: delete the old one first.
	container := info.Resources["docker_container"]
	container.DeleteBeforeReplace = true
	// Lists that the SDK does not pluralize.
	container.Fields = map[string]*tfbridge.SchemaInfo{
		"command":           {Name: "command"},
		"networks_advanced": {Name: "networksAdvanced"},
	}
	// Two images with one name may exist while one replaces the other.
	info.Resources["docker_image"].Fields = map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}}
	p.ResourcesMap().Range(func(terraform string, _ shim.Resource) bool {
		if info.Resources[terraform] == nil {
			info.IgnoreMappings = append(info.IgnoreMappings, terraform)
		}
		return true
	})
	info.SetAutonaming(255, "-")
	return info
}
