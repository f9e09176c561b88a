package platform

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/identityprovider"
	"github.com/mlflow-sso/mlflow-sso/config"
)

// makeIdentityProviders creates the identity providers in the settings, if any.
func (p *Platform) makeIdentityProviders(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
	if len(p.config.IdentityProviders) == 0 {
		return nil
	}
	args := &identityprovider.Args{Realm: p.realm.Resources}
	for i, set := range p.config.IdentityProviders {
		provider, err := provider(set, p.realm.Client.Issuer)
		if err != nil {
			return fmt.Errorf("identityProviders[%d].%w", i, err)
		}
		args.Providers = append(args.Providers, provider)
	}
	name, opts := p.child("broker", opts)
	_, err := identityprovider.New(ctx, name, args, opts...)
	return err
}

// provider returns the component's arguments for one provider; stack is this stack's entity ID.
// Its secret is a secret output from here on.
func provider(set config.IdentityProvider, stack string) (identityprovider.Provider, error) {
	p := identityprovider.Provider{Alias: set.Alias, DisplayName: set.DisplayTitle(), Groups: set.Groups, TrustEmail: set.TrustEmail}
	secret := func(key string, file config.SecretFile) (pulumi.StringOutput, error) {
		text, err := file.Read()
		if err != nil {
			return pulumi.StringOutput{}, fmt.Errorf("%s: %w", key, err)
		}
		return pulumi.ToSecret(pulumi.String(text)).(pulumi.StringOutput), nil
	}
	if l := set.LDAP; l != nil {
		password, err := secret("ldap.bindPasswordFile", l.BindPasswordFile)
		p.LDAP = &identityprovider.LDAP{
			URL: l.URL(), BindDN: l.BindDN, BindPassword: password, UsersDN: l.UsersDN, GroupsDN: l.GroupsDN, Filter: l.Filter,
			UsernameAttribute: l.UsernameAttribute, UUIDAttribute: l.UUIDAttribute, UserClass: l.UserClass, GroupClass: l.GroupClass,
		}
		return p, err
	}
	if s := set.SAML; s != nil {
		descriptor, err := config.ReadDescriptor(s.MetadataFile)
		if err != nil {
			return p, fmt.Errorf("saml.metadataFile: %w", err)
		}
		p.SAML = &identityprovider.SAML{
			Entity: descriptor.Entity, SignOn: descriptor.SignOn, Certificates: descriptor.Certificates, MetadataURL: s.MetadataURL,
			Audience: stack, GroupsAttribute: s.GroupsAttribute, EmailAttribute: s.EmailAttribute,
		}
		return p, nil
	}
	discovery, err := config.ReadDiscovery(set.OIDC.MetadataFile)
	if err != nil {
		return p, fmt.Errorf("oidc.metadataFile: %w", err)
	}
	password, err := secret("oidc.clientSecretFile", set.OIDC.ClientSecretFile)
	p.OIDC = &identityprovider.OIDC{
		Discovery: identityprovider.Discovery(discovery), ClientID: set.OIDC.ClientID, ClientSecret: password,
		GroupsClaim: set.OIDC.GroupsClaim, Scopes: set.OIDC.Scopes,
	}
	return p, err
}

// identityProviderOutputs returns the identity providers for the tool.
func (p *Platform) identityProviderOutputs() pulumi.Array {
	all := pulumi.Array{}
	for _, set := range p.config.IdentityProviders {
		all = append(all, pulumi.Map{"alias": pulumi.String(set.Alias), "kind": pulumi.String(set.Kind())})
	}
	return all
}
