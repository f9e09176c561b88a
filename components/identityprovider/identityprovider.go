// Package identityprovider configures external identity providers and LDAP directories
// in the realm.
//
// No account can be taken over. A user who logs in for the first time gets a new account,
// and is refused if the e-mail address is in use: MLflow identifies users by it. The
// address is imported once and does not follow the provider. User names begin with the
// provider's alias, so that none equals another user's name or address.
//
// The provider decides about groups at each login: a user in a mapped group may log in,
// and MLflow refuses a user in none.
package identityprovider

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/authentication"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/oidc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:identityprovider:IdentityProvider"

// formerTypeToken is the type in the state of stacks from an earlier version.
const formerTypeToken = "mlflow-sso:broker:Broker"

// FirstLogin is the name of the flow for a user's first login.
const FirstLogin = "mlflow-first-login"

// Provider is an external identity provider or directory.
type Provider struct {
	// Alias is its name in Keycloak, and the prefix of its users' names.
	Alias string
	// DisplayName is the label of its button in the login form.
	DisplayName string
	// Groups maps the provider's groups to the realm's.
	Groups map[string]string
	// TrustEmail says that the provider verifies e-mail addresses.
	TrustEmail bool
	// OIDC configures a provider that uses OpenID Connect.
	OIDC *OIDC
	// SAML and LDAP configure the alternatives to OIDC.
	SAML *SAML
	LDAP *LDAP
}

// ways counts the configured protocols.
func (p Provider) ways() (n int) {
	for _, ok := range []bool{p.OIDC != nil, p.SAML != nil, p.LDAP != nil} {
		if ok {
			n++
		}
	}
	return n
}

// OIDC is an OpenID Connect provider.
type OIDC struct {
	// Discovery is its discovery document.
	Discovery Discovery
	// ClientID and ClientSecret are this stack's credentials at the provider.
	ClientID     string
	ClientSecret pulumi.StringInput
	// GroupsClaim is the claim that contains a user's groups.
	GroupsClaim string
	// Scopes are the requested scopes.
	Scopes string
}

// Args are the arguments of the identity providers.
type Args struct {
	// Realm is the realm that trusts the providers.
	Realm realm.Resources
	// Providers are all providers.
	Providers []Provider
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(!a.Realm.IsZero(), "Realm is missing, want the realm of the users")
	for _, p := range a.Providers {
		m.Require(p.Alias != "", `Providers has one without an Alias, want a name`)
		m.Require(p.ways() == 1, "Providers has %q with %d protocols, want one", p.Alias, p.ways())
		m.Require(p.SAML == nil || len(p.SAML.Certificates) > 0, "Providers has %q without a certificate, want one", p.Alias)
		m.Require(p.OIDC == nil || p.OIDC.ClientSecret != nil, "Providers has %q without a secret, want one", p.Alias)
		m.Require(p.LDAP == nil || p.LDAP.BindPassword != nil, "Providers has %q without a password, want one", p.Alias)
		for _, group := range p.Groups {
			_, known := a.Realm.Groups[group]
			m.Require(known, "Providers has %q with group %q, want groups of the realm", p.Alias, group)
		}
	}
	return m.Err()
}

// Providers are the external identity providers of a realm.
type Providers struct{ pulumi.ResourceState }

// New creates the providers. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Providers, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("broker %q: %w", name, err)
	}
	component := &Providers{}
	if err := ctx.RegisterComponentResource(TypeToken, name, component, append(opts, childopts.FormerType(formerTypeToken))...); err != nil {
		return nil, fmt.Errorf("broker %q: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, component: component}
	// Users of a directory log in with Keycloak's own form.
	if slices.ContainsFunc(args.Providers, func(p Provider) bool { return p.LDAP == nil }) {
		if err := b.firstLogin(); err != nil {
			return nil, fmt.Errorf("broker %q: first login: %w", name, err)
		}
	}
	for _, p := range args.Providers {
		one := b.provider
		switch {
		case p.LDAP != nil:
			one = b.directory
		case p.SAML != nil:
			one = b.saml
		}
		if err := one(p); err != nil {
			return nil, fmt.Errorf("broker %q: %s: %w", name, p.Alias, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(component, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("broker %q: %w", name, err)
	}
	return component, nil
}

// builder creates the children in order.
type builder struct {
	ctx       *pulumi.Context
	name      string
	args      *Args
	component *Providers

	flow pulumi.StringOutput
}

// firstLogin has one step: create an account, or fail. Keycloak's default flow would then offer
// to link an account with the same address.
func (b *builder) firstLogin() error {
	flow, err := authentication.NewFlow(b.ctx, b.name+"-first-login", &authentication.FlowArgs{
		RealmId:     b.args.Realm.RealmID,
		Alias:       pulumi.String(FirstLogin),
		ProviderId:  pulumi.String("basic-flow"),
		Description: pulumi.String("An account of one's own, or none"),
	}, b.args.Realm.Options(b.component)...)
	if err != nil {
		return err
	}
	step, err := authentication.NewExecution(b.ctx, b.name+"-first-login-unique", &authentication.ExecutionArgs{
		RealmId:         b.args.Realm.RealmID,
		ParentFlowAlias: flow.Alias,
		Authenticator:   pulumi.String("idp-create-user-if-unique"),
		Requirement:     pulumi.String("REQUIRED"),
	}, b.args.Realm.Options(b.component, pulumi.DeletedWith(flow))...)
	if err != nil {
		return err
	}
	// Create a provider after the step: until then its users could not log in.
	b.flow = pulumi.All(flow.Alias, step.ID()).ApplyT(func(both []any) string { return both[0].(string) }).(pulumi.StringOutput)
	return nil
}

func (b *builder) provider(p Provider) error {
	made, err := oidc.NewIdentityProvider(b.ctx, b.name+"-"+p.Alias, &oidc.IdentityProviderArgs{
		Realm:                     b.args.Realm.RealmID,
		Alias:                     pulumi.String(p.Alias),
		DisplayName:               pulumi.String(p.DisplayName),
		ProviderId:                pulumi.String("oidc"),
		Enabled:                   pulumi.Bool(true),
		Issuer:                    pulumi.String(p.OIDC.Discovery.Issuer),
		AuthorizationUrl:          pulumi.String(p.OIDC.Discovery.Authorization),
		TokenUrl:                  pulumi.String(p.OIDC.Discovery.Token),
		UserInfoUrl:               pulumi.String(p.OIDC.Discovery.UserInfo),
		DisableUserInfo:           pulumi.Bool(p.OIDC.Discovery.UserInfo == ""),
		JwksUrl:                   pulumi.String(p.OIDC.Discovery.Keys),
		ValidateSignature:         pulumi.Bool(true),
		ClientId:                  pulumi.String(p.OIDC.ClientID),
		ClientSecret:              pulumi.ToSecret(p.OIDC.ClientSecret).(pulumi.StringOutput),
		DefaultScopes:             pulumi.String(p.OIDC.Scopes),
		FirstBrokerLoginFlowAlias: b.flow,
		TrustEmail:                pulumi.Bool(p.TrustEmail),
		// The address is imported once. The mappers of groups override this and sync at every
		// login.
		SyncMode:    pulumi.String("IMPORT"),
		StoreToken:  pulumi.Bool(false),
		ExtraConfig: pulumi.StringMap{"pkceEnabled": pulumi.String("true"), "pkceMethod": pulumi.String("S256")},
	}, b.args.Realm.Options(b.component)...)
	if err != nil {
		return err
	}
	mapper := b.mapperOf(p.Alias, made.Alias, made)
	if err := mapper(usernames, "oidc-username-idp-mapper", map[string]string{
		"syncMode": "IMPORT", "target": "LOCAL", "template": "${ALIAS}.${CLAIM.email}",
	}); err != nil {
		return err
	}
	for _, theirs := range slices.Sorted(maps.Keys(p.Groups)) {
		claims, err := json.Marshal([]map[string]string{{"key": p.OIDC.GroupsClaim, "value": theirs}})
		if err != nil {
			return err
		}
		if err := mapper(theirs, "oidc-advanced-group-idp-mapper", map[string]string{
			"syncMode": "FORCE", "claims": string(claims), "are.claim.values.regex": "false", "group": "/" + p.Groups[theirs],
		}); err != nil {
			return err
		}
	}
	return nil
}

// mapperOf creates mappers of a provider that exists and has its own alias.
func (b *builder) mapperOf(name string, alias pulumi.StringInput, made pulumi.Resource) func(of, kind string, config map[string]string) error {
	return func(of, kind string, config map[string]string) error {
		_, err := keycloak.NewCustomIdentityProviderMapping(b.ctx, b.name+"-"+name+"-"+of, &keycloak.CustomIdentityProviderMappingArgs{
			Realm:                  b.args.Realm.RealmID,
			IdentityProviderAlias:  alias,
			Name:                   pulumi.String(MapperName(name, of)),
			IdentityProviderMapper: pulumi.String(kind),
			ExtraConfig:            pulumi.ToStringMap(config),
		}, b.args.Realm.Options(b.component, pulumi.DeletedWith(made))...)
		return err
	}
}

// usernames is the name of the mapper that sets user names, addresses of the one for SAML. A
// mapper of a group with the same name has a different type.
const (
	usernames = "user names"
	addresses = "addresses"
)

// MapperName returns the name of a provider's mapper in Keycloak.
func MapperName(alias, of string) string { return alias + ": " + of }

// MapperNames returns the names of all mappers of a provider.
func MapperNames(alias string, saml bool, groups map[string]string) []string {
	names := []string{MapperName(alias, usernames)}
	if saml {
		names = append(names, MapperName(alias, addresses))
	}
	for _, theirs := range slices.Sorted(maps.Keys(groups)) {
		names = append(names, MapperName(alias, theirs))
	}
	return names
}
