package platform

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/broker"
	"github.com/mlflow-sso/mlflow-sso/config"
)

// makeBroker makes the identity providers that the settings name; with none there is
// nothing. Their secrets are secret from here on.
func (p *Platform) makeBroker(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
	if len(p.config.IdentityProviders) == 0 {
		return nil
	}
	args := &broker.Args{Realm: p.realm.Inside}
	for i, set := range p.config.IdentityProviders {
		provider := broker.Provider{Alias: set.Alias, DisplayName: set.Title(), Groups: set.Groups, TrustEmail: set.TrustEmail}
		discovery, err := config.ReadDiscovery(set.OIDC.MetadataFile)
		if err != nil {
			return fmt.Errorf("identityProviders[%d].oidc.metadataFile: %w", i, err)
		}
		secret, err := set.OIDC.ClientSecretFile.Read()
		if err != nil {
			return fmt.Errorf("identityProviders[%d].oidc.clientSecretFile: %w", i, err)
		}
		provider.OIDC = &broker.OIDC{
			Discovery: broker.Discovery(discovery), ClientID: set.OIDC.ClientID, ClientSecret: pulumi.ToSecret(pulumi.String(secret)).(pulumi.StringOutput),
			GroupsClaim: set.OIDC.GroupsClaim, Scopes: set.OIDC.Scopes,
		}
		args.Providers = append(args.Providers, provider)
	}
	_, err := broker.New(ctx, "broker", args, opts...)
	return err
}

// upstreams are the identity providers as the tool has to know them.
func (p *Platform) upstreams() pulumi.Array {
	all := pulumi.Array{}
	for _, set := range p.config.IdentityProviders {
		all = append(all, pulumi.Map{"alias": pulumi.String(set.Alias), "kind": pulumi.String("oidc")})
	}
	return all
}
