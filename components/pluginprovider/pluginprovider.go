// Package pluginprovider declares a provider of the project's own Pulumi plugin for resources
// that find in their inputs all that they need, such as a container's name.
//
// Its configuration is empty, so a preview always knows it. A provider with a login has a secret,
// which a preview of a new root secret does not know yet. Pulumi then cannot compare resources of
// that provider, and the preview fails where such a resource depends on a container that is
// replaced.
package pluginprovider

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// Provider is the provider.
type Provider struct{ pulumi.ProviderResourceState }

// New registers it.
func New(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) (*Provider, error) {
	p := &Provider{}
	err := ctx.RegisterResource(pulumiplugin.ProviderType, name, pulumi.Map{}, p, append(opts, pulumi.Version(pulumiplugin.Version))...)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", name, err)
	}
	return p, nil
}
