// Package identity declares the resources of the project's own Pulumi provider inside Keycloak:
// objects that Keycloak creates itself, and that its vendor's provider therefore cannot manage.
//
// These are realm master, the built-in clients of every realm, roles of a service account that
// belong to such a client, rotated passwords, the program's own secret, and members that a group
// must not have. The provider (package provider of the tool) adopts existing objects, so creating
// a resource is always safe. Deleting one leaves Keycloak unchanged: removing a resource from a
// program relaxes no setting.
package identity

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// The types in the state, the same as in the plugin's schema.
const (
	AdminRealmType    = "mlflow-sso:identity:AdminRealm"
	BuiltinClientType = "mlflow-sso:identity:BuiltinClient"
	ClientRolesType   = "mlflow-sso:identity:ClientRoles"
	PasswordType      = "mlflow-sso:identity:Password"
	ClientSecretType  = "mlflow-sso:identity:ClientSecret"
	GroupMembersType  = "mlflow-sso:identity:GroupMembers"
)

// RealmTypes are the types that need a login to Keycloak: all except the secret of that login.
func RealmTypes() []string {
	return []string{AdminRealmType, BuiltinClientType, ClientRolesType, PasswordType, GroupMembersType}
}

// MasterRealm is the realm of Keycloak's administrators.
const MasterRealm = "master"

// ProviderArgs are the connection to Keycloak's admin API.
type ProviderArgs struct {
	// URL is the address of the admin API on this host.
	URL string
	// ClientID and Secret are of a service account in realm master.
	ClientID string
	Secret   pulumi.StringInput
}

// Validate reports every mistake in the arguments at once.
func (a *ProviderArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(strings.HasPrefix(a.URL, "http"), "URL is %q, want an address of Keycloak", a.URL)
	m.Require(a.ClientID != "", "ClientID is missing, want a client of realm master")
	m.Require(a.Secret != nil, "Secret is missing, want that of the client")
	return m.Err()
}

// Provider is the provider of these resources.
type Provider struct{ pulumi.ProviderResourceState }

// NewProvider registers the provider. It does not connect to Keycloak.
func NewProvider(ctx *pulumi.Context, name string, args *ProviderArgs, opts ...pulumi.ResourceOption) (*Provider, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("provider %q: %w", name, err)
	}
	p := &Provider{}
	err := ctx.RegisterResource(pulumiplugin.ProviderType, name, pulumi.Map{
		"url":          pulumi.String(args.URL),
		"clientId":     pulumi.String(args.ClientID),
		"clientSecret": pulumi.ToSecret(args.Secret),
	}, p, withVersion(opts)...)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", name, err)
	}
	return p, nil
}

func withVersion(opts []pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(opts, pulumi.Version(pulumiplugin.Version))
}
