// Package realm creates the objects inside Keycloak: MLflow's realm, its client, two
// groups, and the mappers that put a user's groups into tokens.
//
// The plugin in MLflow knows people by their e-mail address, so an address belongs to one user and stays with
// that user: no two share one, there is no self-registration, and no editing of one's own address or user name.
// Group names reach MLflow exactly as MLflow compares them, because one value makes the group and the comparison.
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

// Names inside Keycloak. MLflow gets the same.
const (
	Name        = "mlflow"
	ClientID    = "mlflow"
	AdminGroup  = "mlflow-admins"
	UserGroup   = "mlflow-users"
	GroupsClaim = "groups"
)

// SSLRequirements are from whom Keycloak may demand https: from none, or from
// all but private addresses. Requiring it from all would lock out MLflow, which connects
// on the private network.
func SSLRequirements() []string { return []string{"none", "external"} }

// User is a person whom the realm starts with.
type User struct {
	// Username is in lower case.
	Username string
	// FirstName and LastName are shown in Keycloak's pages.
	FirstName, LastName string
	// Group is the group the person is in; empty for none.
	Group string
	// Password is the first one; the person may change it. Edition says which one it is: where
	// another one was set last, this one is set.
	Password pulumi.StringOutput
	Edition  string
}

// DemoUsernames are the user names of the people that a stack for trying out has.
func DemoUsernames() []string { return []string{"demo-admin", "demo-member", "demo-outsider"} }

// Email is the address by which MLflow knows the person. Its domain is reserved
// and receives no mail.
func (u User) Email() string { return u.Username + "@example.com" }

// Args say what the realm is like.
type Args struct {
	// Admin is how to reach Keycloak's admin API.
	Admin keycloakserver.Admin
	// AdminSecretVersion is that of the secret in Admin, PreviousAdminSecrets are all earlier ones.
	AdminSecretVersion   string
	PreviousAdminSecrets pulumi.StringArrayInput
	// AdminFrontend is where Keycloak's administrators log in; empty for its public address.
	AdminFrontend string
	// PermanentAdmin is the administrator who may log in at any time, if there is one, and
	// PermanentAdminEdition says which password that one has.
	PermanentAdmin        keycloakserver.PermanentAdmin
	PermanentAdminEdition string
	// Public is what a browser sees of Keycloak, Internal what MLflow calls.
	Public   address.Public
	Internal address.Internal
	// Application is what a browser sees of MLflow.
	Application address.Public
	// RedirectPath and LogoutPath are where MLflow expects a browser back from
	// Keycloak, each with a leading slash.
	RedirectPath, LogoutPath string
	// ClientSecret is MLflow's, SyncClientSecret that of the identity sync.
	ClientSecret, SyncClientSecret pulumi.StringInput
	// AccessAdminSecret is that of the client that acts for the program in MLflow; nil makes none.
	AccessAdminSecret pulumi.StringInput
	// SSLRequired is none or external.
	SSLRequired string
	// AccessTokenLifespan is how long a login lasts: the session in MLflow ends with it.
	AccessTokenLifespan time.Duration
	// PasswordPolicy is in Keycloak's notation.
	PasswordPolicy string
	// EventsExpiration is how long the realm remembers logins and changes.
	EventsExpiration time.Duration
	// Users are people whom the realm starts with.
	Users []User
	// ServiceAccounts are service accounts.
	ServiceAccounts []ServiceAccount
	// Groups are further groups.
	Groups []string
	// ManagedGroups are groups in which nobody is but these users, demo users who belong there, and
	// service accounts.
	ManagedGroups map[string][]string
	// Mail is the server through which Keycloak writes to people; nil where it does not.
	Mail *Mail
	// ConfirmsEmail has people confirm an address by mail if their provider does not verify it.
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
	m.Require((a.PermanentAdmin.Username != "") == (a.PermanentAdminEdition != ""), "PermanentAdminEdition is %q for the administrator %q, want it exactly where there is one",
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

// OIDCClient is what MLflow needs to let people log in. It depends on no
// resource inside Keycloak, so MLflow starts while the realm is still made.
type OIDCClient struct {
	// ID and Secret are the client's.
	ID     string
	Secret pulumi.StringOutput
	// Issuer is in every token, and public.
	Issuer string
	// DiscoveryURL is where MLflow reads about the issuer, on the private network.
	DiscoveryURL string
	// RedirectURI is where Keycloak sends the browser back to.
	RedirectURI string
	// GroupsClaim is the claim that carries a person's groups.
	GroupsClaim string
	// AdminGroup and UserGroup let a person in, as administrator or as member.
	AdminGroup, UserGroup string
}

// IsZero says whether there is no client.
func (c OIDCClient) IsZero() bool { return c.ID == "" || c.Issuer == "" || c.DiscoveryURL == "" }

// Realm is what stands inside Keycloak.
type Realm struct {
	pulumi.ResourceState

	// Client is what MLflow needs.
	Client OIDCClient
	// SyncClient is the client of the identity sync.
	SyncClient SyncClient
	// Users are the people whom the realm starts with.
	Users []User
	// AccessAdmin acts for the program in MLflow; its name is empty where there is none.
	AccessAdmin ServiceAccountClient
	// ServiceAccounts are the service accounts.
	ServiceAccounts []ServiceAccountClient
	// Resources is for what others make in the realm.
	Resources Resources
}

// New makes the realm. With an error from args nothing is registered.
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

// builder makes the children, one after the other.
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
	// leftovers removes what a killed update left.
	leftovers pulumi.ResourceOption
}

// childOpts are the options of everything inside Keycloak. It goes with the container: tearing a stack down
// asks nothing of a server that is going away, and leaves the people in the database where its volume is kept.
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

		// MLflow knows people by their address: see the package's own words.
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
				// Off: two wrong passwords within its time would lock a name for a minute, and
				// anonymous clients know names. Ten failures lock, however fast they come.
				QuickLoginCheckMilliSeconds:  pulumi.Int(0),
				MinimumQuickLoginWaitSeconds: pulumi.Int(1),
			},
		},

		Attributes: b.adminEventsExpire(),

		SmtpServer: b.args.Mail.server(),
		// Only where it is asked for is it set: a stack without stays as it was.
		VerifyEmail: b.args.confirms(),

		// No token outlives the session at Keycloak, so both last as long.
		SsoSessionIdleTimeout: day,
		SsoSessionMaxLifespan: day,
	}, append(b.childOpts(), pulumi.DependsOn([]pulumi.Resource{b.args.Admin.Ready, b.master.Ready}))...)
	if err != nil {
		return fmt.Errorf("realm: %w", err)
	}
	return nil
}
