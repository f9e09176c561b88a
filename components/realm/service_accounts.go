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

// ServiceAccountScope is the client scope that every machine has and no person: it puts
// MLflow as the audience, and the machine's groups, into its access tokens.
const ServiceAccountScope = "mlflow-machine"

// ServiceAccount is a service account.
type ServiceAccount struct {
	// Name is its client's ID.
	Name string
	// Groups are those that it is in, and no others.
	Groups []string
	// Admin says that it administers MLflow.
	Admin bool
	// Secret is the client's.
	Secret pulumi.StringInput
	// TokenLifespan is how long one of its tokens lasts, in whole seconds.
	TokenLifespan time.Duration
}

// ServiceAccountUsername is the user name that Keycloak gives a machine, which is also the one
// by which MLflow knows it.
func ServiceAccountUsername(name string) string { return "service-account-" + name }

// AccessAdminID is the client that acts for the program in MLflow.
const AccessAdminID = "mlflow-steward"

// ReservedClientIDs are the IDs of clients that are in the realm anyway.
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

// ServiceAccountClient is a service account as others need it.
type ServiceAccountClient struct {
	ServiceAccount
	// Username is the machine's at Keycloak and MLflow.
	Username string
	// Subject is the `sub` of its tokens.
	Subject pulumi.StringOutput
}

// machines makes a client for each service account. It knows one way to a token, its
// own secret: no page of Keycloak and no password leads there. The secret is a
// derived one, so it is rotated with its generation.
func (b *builder) machines() error {
	if len(b.args.ServiceAccounts) == 0 && b.args.AccessAdminSecret == nil {
		return nil
	}
	scope, err := b.machineScope()
	if err != nil {
		return err
	}
	if b.args.AccessAdminSecret != nil {
		// In no group: what it may do in MLflow is bound to it there.
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
		// From the client itself: Keycloak's provider refuses one that is not there yet.
		IncludedClientAudience: b.openid.ClientId,
		AddToIdToken:           pulumi.Bool(false), // an ID token is for the machine itself
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
	// Those listed and no others: an e-mail address would make another user name of MLflow's.
	// Keycloak itself adds service_account whenever such a client is changed.
	_, err = openid.NewClientDefaultScopes(b.ctx, name+"-scopes", &openid.ClientDefaultScopesArgs{
		RealmId:       b.made.ID(),
		ClientId:      client.ID(),
		DefaultScopes: pulumi.StringArray{pulumi.String("basic"), pulumi.String("profile"), pulumi.String("service_account"), scope.Name},
	}, b.childOpts()...)
	if err != nil {
		return ServiceAccountClient{}, fmt.Errorf("scopes: %w", err)
	}
	// What is there for the asking else: groups from roles, a token that does not end.
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
		Exhaustive: pulumi.Bool(true), // a group that was added manually is removed
	}, b.childOpts()...)
	if err != nil {
		return ServiceAccountClient{}, fmt.Errorf("groups: %w", err)
	}
	return done, nil
}
