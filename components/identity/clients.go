package identity

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// AdminClients are clients that Keycloak creates in every realm for administrators of that realm.
// One of them, for a command line, accepts any user's name and password without a form, a
// browser, or the edge's rate limit on logins.
func AdminClients() []string { return []string{"admin-cli", "security-admin-console"} }

// BuiltinClients are all clients that Keycloak creates in every realm.
func BuiltinClients() []string {
	return append(AdminClients(), "account", "account-console", "broker", RealmManagement)
}

// RealmManagement is the client that owns the roles for administering a realm. ViewUsers is the
// role to read users and their groups.
const (
	RealmManagement = "realm-management"
	ViewUsers       = "view-users"
)

// BuiltinClientArgs name a client that Keycloak has created, and say whether it is enabled.
type BuiltinClientArgs struct {
	// Realm is the realm's name, an output of the realm, so that it exists.
	Realm pulumi.StringInput
	// ClientID is such as admin-cli.
	ClientID string
	// Enabled says whether the client accepts logins. A missing client counts as disabled.
	Enabled bool
}

// Validate reports every mistake in the arguments at once.
func (a *BuiltinClientArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Realm != nil, "Realm is missing, want the name of a realm")
	m.Require(a.ClientID != "", "ClientID is missing, want one of Keycloak's own clients")
	return m.Err()
}

// BuiltinClient is a client that Keycloak has created.
type BuiltinClient struct{ pulumi.CustomResourceState }

// NewBuiltinClient registers the resource. If args are invalid, nothing is registered.
func NewBuiltinClient(ctx *pulumi.Context, name string, args *BuiltinClientArgs, opts ...pulumi.ResourceOption) (*BuiltinClient, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("built-in client %q: %w", name, err)
	}
	c := &BuiltinClient{}
	err := ctx.RegisterResource(BuiltinClientType, name, pulumi.Map{
		"realm": args.Realm, "clientId": pulumi.String(args.ClientID), "enabled": pulumi.Bool(args.Enabled),
	}, c, withVersion(opts)...)
	if err != nil {
		return nil, fmt.Errorf("built-in client %q: %w", name, err)
	}
	return c, nil
}

// ClientRolesArgs are the roles of a service account that belong to one client.
type ClientRolesArgs struct {
	// Realm is the realm's name.
	Realm pulumi.StringInput
	// Account is the ID of the client whose service account gets the roles, an output of the
	// client, so that it exists.
	Account pulumi.StringInput
	// Subject is the service account's own ID: if the client is recreated, the roles are assigned
	// again.
	Subject pulumi.StringInput
	// Owner is the client that owns the roles.
	Owner string
	// Roles are all roles of that client that the account has: others are removed from it.
	Roles []string
}

// Validate reports every mistake in the arguments at once.
func (a *ClientRolesArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Realm != nil, "Realm is missing, want the name of a realm")
	m.Require(a.Account != nil, "Account is missing, want a client with a service account")
	m.Require(a.Subject != nil, "Subject is missing, want the ID of the service account")
	m.Require(a.Owner != "", "Owner is missing, want the client to which the roles belong")
	m.Require(len(a.Roles) > 0, "Roles is empty, want one at least")
	return m.Err()
}

// ClientRoles are the roles of a service account that belong to one client.
type ClientRoles struct{ pulumi.CustomResourceState }

// NewClientRoles registers the resource. If args are invalid, nothing is registered.
func NewClientRoles(ctx *pulumi.Context, name string, args *ClientRolesArgs, opts ...pulumi.ResourceOption) (*ClientRoles, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("client roles %q: %w", name, err)
	}
	r := &ClientRoles{}
	err := ctx.RegisterResource(ClientRolesType, name, pulumi.Map{
		"realm": args.Realm, "account": args.Account, "subject": args.Subject, "owner": pulumi.String(args.Owner), "roles": pulumi.ToStringArray(args.Roles),
	}, r, withVersion(opts)...)
	if err != nil {
		return nil, fmt.Errorf("client roles %q: %w", name, err)
	}
	return r, nil
}
