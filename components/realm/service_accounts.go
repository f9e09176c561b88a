package realm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/openid"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// accessAdminTokenLifespan is short: the access admin requests a token for each operation.
const accessAdminTokenLifespan = 5 * time.Minute

// ServiceAccountScope is the client scope of service accounts only: it adds MLflow as the
// audience, and the account's groups, to access tokens.
const ServiceAccountScope = "mlflow-machine"

// ServiceAccount is a service account.
type ServiceAccount struct {
	// Name is the ID of its client.
	Name string
	// Groups are all groups of the account.
	Groups []string
	// Admin makes it an administrator of MLflow.
	Admin bool
	// Secret is the client's.
	Secret pulumi.StringInput
	// TokenLifespan is the lifetime of a token, in whole seconds.
	TokenLifespan time.Duration
}

// ServiceAccountUsername returns a service account's user name in Keycloak, which is also its
// name in MLflow.
func ServiceAccountUsername(name string) string { return "service-account-" + name }

// AccessAdminID is the ID of the access admin's client.
const AccessAdminID = "mlflow-steward"

// ReservedClientIDs are the IDs of clients that the realm always has.
func ReservedClientIDs() []string {
	return append([]string{ClientID, SyncClientID, AccessAdminID}, identity.BuiltinClients()...)
}

func checkMachines(m *argcheck.List, all []ServiceAccount, groups []string) {
	for i, machine := range all {
		m.Require(machine.Name != "" && !slices.Contains(ReservedClientIDs(), machine.Name), "ServiceAccounts has %q, want a name that no other client has", machine.Name)
		m.Require(!slices.ContainsFunc(all[:i], func(other ServiceAccount) bool { return other.Name == machine.Name }), "ServiceAccounts has %q twice, want it once", machine.Name)
		for _, group := range machine.Groups {
			m.Require(slices.Contains(groups, group), "ServiceAccounts has %q in group %q, want one of %s", machine.Name, group, strings.Join(groups, ", "))
		}
		m.Require(slices.Contains(machine.Groups, AdminGroup) == machine.Admin, "ServiceAccounts has %q with Admin %t, want that exactly of those in group %s",
			machine.Name, machine.Admin, AdminGroup)
		m.Require(machine.Secret != nil, "ServiceAccounts has %q without Secret, want one", machine.Name)
		m.Require(machine.TokenLifespan >= time.Minute, "ServiceAccounts has %q with TokenLifespan %s, want at least a minute", machine.Name, machine.TokenLifespan)
	}
}

// ServiceAccountClient is a service account for other components.
type ServiceAccountClient struct {
	ServiceAccount
	// Username is the account's in Keycloak and MLflow.
	Username string
	// Subject is the `sub` of its tokens.
	Subject pulumi.StringOutput
}

// machines creates a client for each service account. It can get a token only with its own
// secret: no login page or password works. The secret is derived, so it rotates with its
// generation.
func (b *builder) machines() error {
	if len(b.args.ServiceAccounts) == 0 && b.args.AccessAdminSecret == nil {
		return nil
	}
	scope, err := b.machineScope()
	if err != nil {
		return err
	}
	if b.args.AccessAdminSecret != nil {
		// In no group: MLflow grants its permissions to the account itself.
		b.component.AccessAdmin, err = b.machine(ServiceAccount{Name: AccessAdminID, Secret: b.args.AccessAdminSecret, TokenLifespan: accessAdminTokenLifespan}, scope)
		if err != nil {
			return fmt.Errorf("access admin: %w", err)
		}
	}
	for _, machine := range b.args.ServiceAccounts {
		made, err := b.machine(machine, scope)
		if err != nil {
			return fmt.Errorf("service account %s: %w", machine.Name, err)
		}
		b.component.ServiceAccounts = append(b.component.ServiceAccounts, made)
	}
	return nil
}

func (b *builder) machineScope() (*openid.ClientScope, error) {
	scope, err := openid.NewClientScope(b.ctx, b.name+"-machine-scope", &openid.ClientScopeArgs{
		RealmId:             b.made.ID(),
		Name:                pulumi.String(ServiceAccountScope),
		Description:         pulumi.String("MLflow as audience, and groups, for service accounts"),
		IncludeInTokenScope: pulumi.Bool(false),
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("scope of service accounts: %w", err)
	}
	_, err = openid.NewAudienceProtocolMapper(b.ctx, b.name+"-machine-audience-mapper", &openid.AudienceProtocolMapperArgs{
		RealmId:       b.made.ID(),
		ClientScopeId: scope.ID(),
		Name:          pulumi.String("audience"),
		// From the client, so that it exists: Keycloak's provider refuses one that does not.
		IncludedClientAudience: b.openid.ClientId,
		AddToIdToken:           pulumi.Bool(false), // an ID token is for the account itself
		AddToAccessToken:       pulumi.Bool(true),
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("audience mapper of service accounts: %w", err)
	}
	_, err = openid.NewGroupMembershipProtocolMapper(b.ctx, b.name+"-machine-groups-mapper", &openid.GroupMembershipProtocolMapperArgs{
		RealmId:          b.made.ID(),
		ClientScopeId:    scope.ID(),
		Name:             pulumi.String("groups"),
		ClaimName:        pulumi.String(b.component.Client.GroupsClaim),
		FullPath:         pulumi.Bool(false),
		AddToIdToken:     pulumi.Bool(false),
		AddToAccessToken: pulumi.Bool(true),
		AddToUserinfo:    pulumi.Bool(false),
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("groups mapper of service accounts: %w", err)
	}
	return scope, nil
}

func (b *builder) machine(machine ServiceAccount, scope *openid.ClientScope) (ServiceAccountClient, error) {
	name := b.name + "-machine-" + machine.Name
	client, err := openid.NewClient(b.ctx, name, &openid.ClientArgs{
		RealmId:      b.made.ID(),
		ClientId:     pulumi.String(machine.Name),
		Name:         pulumi.String("service account " + machine.Name),
		Enabled:      pulumi.Bool(true),
		AccessType:   pulumi.String("CONFIDENTIAL"),
		ClientSecret: pulumi.ToSecret(machine.Secret).(pulumi.StringOutput),

		ServiceAccountsEnabled:    pulumi.Bool(true),
		StandardFlowEnabled:       pulumi.Bool(false),
		ImplicitFlowEnabled:       pulumi.Bool(false),
		DirectAccessGrantsEnabled: pulumi.Bool(false),
		FullScopeAllowed:          pulumi.Bool(false),

		AccessTokenLifespan: pulumi.String(strconv.Itoa(int(machine.TokenLifespan.Seconds()))),
	}, b.childOpts()...)
	if err != nil {
		return ServiceAccountClient{}, fmt.Errorf("client: %w", err)
	}
	// Only the listed scopes: an e-mail address would create a different user name in MLflow.
	// Keycloak itself adds service_account whenever such a client changes.
	_, err = openid.NewClientDefaultScopes(b.ctx, name+"-scopes", &openid.ClientDefaultScopesArgs{
		RealmId:       b.made.ID(),
		ClientId:      client.ID(),
		DefaultScopes: pulumi.StringArray{pulumi.String("basic"), pulumi.String("profile"), pulumi.String("service_account"), scope.Name},
	}, b.childOpts()...)
	if err != nil {
		return ServiceAccountClient{}, fmt.Errorf("scopes: %w", err)
	}
	// Optional scopes that any client could otherwise request: groups from roles, a token that
	// does not expire.
	_, err = openid.NewClientOptionalScopes(b.ctx, name+"-optional-scopes", &openid.ClientOptionalScopesArgs{
		RealmId: b.made.ID(), ClientId: client.ID(), OptionalScopes: pulumi.StringArray{},
	}, b.childOpts()...)
	if err != nil {
		return ServiceAccountClient{}, fmt.Errorf("optional scopes: %w", err)
	}
	done := ServiceAccountClient{ServiceAccount: machine, Username: ServiceAccountUsername(machine.Name), Subject: client.ServiceAccountUserId}
	if len(machine.Groups) == 0 {
		return done, nil
	}
	ids := pulumi.StringArray{}
	for _, group := range machine.Groups {
		ids = append(ids, b.byGroup[group].ID().ToStringOutput())
	}
	_, err = keycloak.NewUserGroups(b.ctx, name+"-groups", &keycloak.UserGroupsArgs{
		RealmId:    b.made.ID(),
		UserId:     client.ServiceAccountUserId,
		GroupIds:   ids,
		Exhaustive: pulumi.Bool(true), // removes manually added groups
	}, b.childOpts()...)
	if err != nil {
		return ServiceAccountClient{}, fmt.Errorf("groups: %w", err)
	}
	return done, nil
}
