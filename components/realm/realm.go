// Package realm creates the objects inside Keycloak: MLflow's realm, its client, two groups, and the mappers
// that add a user's groups to tokens.
//
// MLflow's plugin identifies users by their e-mail address, so an address belongs permanently to one user:
// addresses are unique, there is no self-registration, and users cannot edit their own address or user name.
// Group names reach MLflow exactly as MLflow compares them, because the same value creates the group and
// configures the comparison.
package realm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/openid"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	keycloakserver "github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:realm:Realm"

// Names inside Keycloak, which MLflow gets, too.
const (
	Name        = "mlflow"
	ClientID    = "mlflow"
	AdminGroup  = "mlflow-admins"
	UserGroup   = "mlflow-users"
	GroupsClaim = "groups"
)

// SSLRequirements are Keycloak's requirements of https that work here: for no address, or for all
// except private ones. Requiring it for all would lock out MLflow, which connects on the private
// network.
func SSLRequirements() []string { return []string{"none", "external"} }

// User is an initial user of the realm.
type User struct {
	// Username is in lower case.
	Username string
	// FirstName and LastName are shown in Keycloak's pages.
	FirstName, LastName string
	// Group is the user's group; empty for none.
	Group string
	// Password is the initial one, which the user may change. Edition is its version: the
	// password is set when it changes.
	Password pulumi.StringOutput
	Edition  string
}

// DemoUsernames are the user names of the demo users.
func DemoUsernames() []string { return []string{"demo-admin", "demo-member", "demo-outsider"} }

// Email is the address that identifies the user in MLflow. Its domain is reserved and receives no
// mail.
func (u User) Email() string { return u.Username + "@example.com" }

// Args are the arguments of the realm.
type Args struct {
	// Admin is the connection to Keycloak's admin API.
	Admin keycloakserver.Admin
	// AdminSecretVersion is the version of the secret in Admin, PreviousAdminSecrets are all
	// previous ones.
	AdminSecretVersion   string
	PreviousAdminSecrets pulumi.StringArrayInput
	// AdminFrontend is the address for administrators' logins; empty for Keycloak's public
	// address.
	AdminFrontend string
	// PermanentAdmin is the permanent administrator, if there is one, and PermanentAdminEdition
	// the version of its password.
	PermanentAdmin        keycloakserver.PermanentAdmin
	PermanentAdminEdition string
	// Public is Keycloak's public URL, Internal the one for MLflow.
	Public   address.Public
	Internal address.Internal
	// Application is MLflow's public URL.
	Application address.Public
	// RedirectPath and LogoutPath are MLflow's redirect paths for Keycloak, each with a leading
	// slash.
	RedirectPath, LogoutPath string
	// ClientSecret is MLflow's, SyncClientSecret that of the identity sync.
	ClientSecret, SyncClientSecret pulumi.StringInput
	// AccessAdminSecret is the secret of the access admin's client; nil creates none.
	AccessAdminSecret pulumi.StringInput
	// SSLRequired is none or external.
	SSLRequired string
	// AccessTokenLifespan is the lifetime of a login: MLflow's session ends with it.
	AccessTokenLifespan time.Duration
	// PasswordPolicy is in Keycloak's notation.
	PasswordPolicy string
	// EventsExpiration is the retention of login and admin events.
	EventsExpiration time.Duration
	// Users are the initial users.
	Users []User
	// ServiceAccounts are service accounts.
	ServiceAccounts []ServiceAccount
	// Groups are additional groups.
	Groups []string
	// ManagedGroups are groups whose only members are these users, demo users in that group, and
	// service accounts.
	ManagedGroups map[string][]string
	// Mail is the SMTP server for mail to users; nil if Keycloak sends none.
	Mail *Mail
	// ConfirmsEmail requires users to confirm their address by mail if their provider does not
	// verify it.
	ConfirmsEmail bool
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(!a.Admin.IsZero(), "Admin is missing, want access to Keycloak")
	m.Require(a.AdminSecretVersion != "", "AdminSecretVersion is missing, want that of the secret in Admin")
	m.Require((a.PermanentAdmin.Username != "") == (a.PermanentAdminEdition != ""), "PermanentAdminEdition is %q for the administrator %q, want it exactly if there is one",
		a.PermanentAdminEdition, a.PermanentAdmin.Username)
	m.Require(!a.Public.IsZero() && !a.Internal.IsZero(), "Public or Internal is missing, want both addresses of Keycloak")
	m.Require(!a.Application.IsZero(), "Application is missing, want the address of MLflow in the browser")
	for _, path := range []string{a.RedirectPath, a.LogoutPath} {
		m.Require(strings.HasPrefix(path, "/") && !strings.Contains(path, "*"),
			"RedirectPath or LogoutPath is %q, want an exact path with a leading slash", path)
	}
	m.Require(a.ClientSecret != nil, "ClientSecret is missing, want a secret")
	m.Require(a.SyncClientSecret != nil, "SyncClientSecret is missing, want a secret")
	m.Require(slices.Contains(SSLRequirements(), a.SSLRequired), "SSLRequired is %q, want one of %s",
		a.SSLRequired, strings.Join(SSLRequirements(), ", "))
	m.Require(a.AccessTokenLifespan >= time.Minute, "AccessTokenLifespan is %s, want at least a minute", a.AccessTokenLifespan)
	m.Require(a.PasswordPolicy != "", `PasswordPolicy is "", want a policy`)
	if a.Mail != nil {
		m.Require(a.Mail.Server.Host != "" && a.Mail.From != "", "Mail is %s from %q, want a server and a sender", a.Mail.Server, a.Mail.From)
	}
	m.Require(a.EventsExpiration >= time.Minute, "EventsExpiration is %s, want at least a minute", a.EventsExpiration)
	groups := append([]string{AdminGroup, UserGroup}, a.Groups...)
	for _, group := range slices.Sorted(maps.Keys(a.ManagedGroups)) {
		m.Require(slices.Contains(groups, group), "ManagedGroups has %q, want one of %s", group, strings.Join(groups, ", "))
	}
	for _, user := range a.Users {
		m.Require(user.Username != "" && user.Username == strings.ToLower(user.Username), "Users has %q, want a lower-case name", user.Username)
		m.Require(slices.Contains([]string{"", AdminGroup, UserGroup}, user.Group), "Users has %q in group %q, want %s, %s or none",
			user.Username, user.Group, AdminGroup, UserGroup)
	}
	checkMachines(&m, a.ServiceAccounts, groups)
	return m.Err()
}

// OIDCClient is MLflow's login configuration. It depends on no resource inside Keycloak, so
// MLflow starts while the realm is being created.
type OIDCClient struct {
	// ID and Secret are the client's.
	ID     string
	Secret pulumi.StringOutput
	// Issuer is in every token, and public.
	Issuer string
	// DiscoveryURL is the issuer's discovery document on the private network.
	DiscoveryURL string
	// RedirectURI is the redirect URI for Keycloak.
	RedirectURI string
	// GroupsClaim is the claim that contains a user's groups.
	GroupsClaim string
	// AdminGroup and UserGroup are the groups with access, as administrator or as member.
	AdminGroup, UserGroup string
}

// IsZero reports whether there is no client.
func (c OIDCClient) IsZero() bool { return c.ID == "" || c.Issuer == "" || c.DiscoveryURL == "" }

// Realm is MLflow's realm in Keycloak.
type Realm struct {
	pulumi.ResourceState

	// Client is MLflow's login configuration.
	Client OIDCClient
	// SyncClient is the client of the identity sync.
	SyncClient SyncClient
	// Users are the initial users.
	Users []User
	// AccessAdmin manages access in MLflow for the program; its name is empty if there is none.
	AccessAdmin ServiceAccountClient
	// ServiceAccounts are the service accounts.
	ServiceAccounts []ServiceAccountClient
	// Resources is the connection for components that create objects in the realm.
	Resources Resources
}

// New creates the realm. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Realm, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("realm %q: %w", name, err)
	}
	issuer := "/realms/" + Name
	r := &Realm{Users: args.Users, Client: OIDCClient{
		ID:           ClientID,
		Secret:       pulumi.ToSecret(args.ClientSecret).(pulumi.StringOutput),
		Issuer:       args.Public.URL(issuer),
		DiscoveryURL: args.Internal.URL(issuer + "/.well-known/openid-configuration"),
		RedirectURI:  args.Application.URL(args.RedirectPath),
		GroupsClaim:  GroupsClaim,
		AdminGroup:   AdminGroup,
		UserGroup:    UserGroup,
	}}
	r.SyncClient = SyncClient{ID: SyncClientID, Secret: pulumi.ToSecret(args.SyncClientSecret).(pulumi.StringOutput), RealmURL: args.Internal.URL(issuer)}
	if err := ctx.RegisterComponentResource(TypeToken, name, r, opts...); err != nil {
		return nil, fmt.Errorf("realm %q: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, component: r}
	for _, step := range []func() error{b.provider, b.ownProvider, b.adminRealm, b.realm, b.events, b.profile, b.client, b.mappers, b.syncClient, b.builtin, b.groups, b.managedGroups, b.users, b.machines} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("realm %q: %w", name, err)
		}
	}
	r.Resources = b.resources()
	if err := ctx.RegisterResourceOutputs(r, pulumi.Map{"issuer": pulumi.String(r.Client.Issuer)}); err != nil {
		return nil, fmt.Errorf("realm %q: %w", name, err)
	}
	return r, nil
}

// builder creates the children in order.
type builder struct {
	ctx       *pulumi.Context
	name      string
	args      *Args
	component *Realm

	keycloak *keycloak.Provider
	own      *identity.Provider
	secret   *identity.ClientSecret
	master   *identity.AdminRealm
	syncMade *openid.Client
	made     *keycloak.Realm
	openid   *openid.Client
	byGroup  map[string]*keycloak.Group
	// leftovers removes objects that a killed update left.
	leftovers pulumi.ResourceOption
}

// childOpts are the options of everything inside Keycloak. Deleting the container deletes it: destroying a
// stack makes no requests to a server that is being removed, and keeps the users in the database if its
// volume is kept.
func (b *builder) childOpts() []pulumi.ResourceOption {
	return childopts.Options(b.component, pulumi.Provider(b.keycloak), pulumi.DeletedWith(b.args.Admin.Server), b.leftovers)
}

func (b *builder) realm() (err error) {
	day := pulumi.String(b.args.AccessTokenLifespan.String())
	b.made, err = keycloak.NewRealm(b.ctx, b.name+"-realm", &keycloak.RealmArgs{
		Realm:       pulumi.String(Name),
		Enabled:     pulumi.Bool(true),
		DisplayName: pulumi.String("MLflow"),
		SslRequired: pulumi.String(b.args.SSLRequired),

		// MLflow identifies users by their address: see the package comment.
		DuplicateEmailsAllowed: pulumi.Bool(false),
		RegistrationAllowed:    pulumi.Bool(false),
		EditUsernameAllowed:    pulumi.Bool(false),
		LoginWithEmailAllowed:  pulumi.Bool(true),
		ResetPasswordAllowed:   pulumi.Bool(false), // it needs a mail server

		PasswordPolicy: pulumi.String(b.args.PasswordPolicy),
		SecurityDefenses: &keycloak.RealmSecurityDefensesArgs{
			BruteForceDetection: &keycloak.RealmSecurityDefensesBruteForceDetectionArgs{
				MaxLoginFailures:        pulumi.Int(10),
				WaitIncrementSeconds:    pulumi.Int(60),
				MaxFailureWaitSeconds:   pulumi.Int(900),
				FailureResetTimeSeconds: pulumi.Int(43200),
				// Disabled: two wrong passwords within its interval would lock a user for a
				// minute, and anonymous clients know user names. Ten failures lock a user,
				// regardless of their rate.
				QuickLoginCheckMilliSeconds:  pulumi.Int(0),
				MinimumQuickLoginWaitSeconds: pulumi.Int(1),
			},
		},

		Attributes: b.adminEventsExpire(),

		SmtpServer: b.args.Mail.server(),
		// Set only if requested: a stack without it stays unchanged.
		VerifyEmail: b.args.confirms(),

		// No token outlives the Keycloak session, so both have the same lifetime.
		SsoSessionIdleTimeout: day,
		SsoSessionMaxLifespan: day,
	}, append(b.childOpts(), pulumi.DependsOn([]pulumi.Resource{b.args.Admin.Ready, b.master.Ready}))...)
	if err != nil {
		return fmt.Errorf("realm: %w", err)
	}
	return nil
}
