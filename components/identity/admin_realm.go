package identity

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// The lifetime of an administrator's session: it ends after 15 minutes of inactivity, and after a
// working day at most. An unattended session lets anyone at the computer impersonate any user.
const (
	sessionIdle = 15 * time.Minute
	// SessionMax is the maximum lifetime of an administrator's session.
	SessionMax = 8 * time.Hour
)

// Inputs of an AdminRealm that are not realm settings.
const (
	PermanentAdmin        = "permanentAdmin"
	AdminPassword         = "adminPassword"
	TemporaryAdminsExpire = "temporaryAdminsExpire"
	ExpiredAdmins         = "expiredAdmins"
)

// RealmSetting is a setting of realm master by its name in Keycloak.
type RealmSetting struct {
	Name string
	// Attribute marks settings that Keycloak stores as realm attributes.
	Attribute bool
	// Value is nil for an attribute that must not be set.
	Value any
}

// AdminRealmSettings are the managed settings of realm master; others stay unchanged. With an
// empty frontendURL, the realm uses the server's public address.
func AdminRealmSettings(eventsExpiration time.Duration, frontendURL string) []RealmSetting {
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	all := []RealmSetting{
		{Name: "sslRequired", Value: "external"},
		{Name: "registrationAllowed", Value: false},
		{Name: "resetPasswordAllowed", Value: false},
		{Name: "editUsernameAllowed", Value: false},
		{Name: "rememberMe", Value: false},

		// As in the stack's own realm. Lockouts are temporary: anyone with access to the login
		// form could otherwise lock out the administrator permanently.
		{Name: "bruteForceProtected", Value: true},
		{Name: "permanentLockout", Value: false},
		{Name: "failureFactor", Value: 10},
		{Name: "waitIncrementSeconds", Value: 60},
		{Name: "maxFailureWaitSeconds", Value: 900},
		{Name: "maxDeltaTimeSeconds", Value: 43200},
		{Name: "quickLoginCheckMilliSeconds", Value: 0},
		{Name: "minimumQuickLoginWaitSeconds", Value: 1},

		{Name: "ssoSessionIdleTimeout", Value: seconds(sessionIdle)},
		{Name: "ssoSessionMaxLifespan", Value: seconds(SessionMax)},
		// Offline sessions must not bypass the limit.
		{Name: "offlineSessionIdleTimeout", Value: seconds(sessionIdle)},
		{Name: "offlineSessionMaxLifespanEnabled", Value: true},
		{Name: "offlineSessionMaxLifespan", Value: seconds(SessionMax)},

		{Name: "eventsEnabled", Value: true},
		{Name: "eventsExpiration", Value: seconds(eventsExpiration)},
		{Name: "eventsListeners", Value: []string{"jboss-logging"}},
		{Name: "enabledEventTypes", Value: []string{}}, // all of them
		{Name: "adminEventsEnabled", Value: true},
		{Name: "adminEventsDetailsEnabled", Value: true},
		{Name: "adminEventsExpiration", Attribute: true, Value: strconv.Itoa(seconds(eventsExpiration))},
	}
	frontend := RealmSetting{Name: "frontendUrl", Attribute: true}
	if frontendURL != "" {
		frontend.Value = frontendURL
	}
	return append(all, frontend)
}

// AdminRealmArgs are the arguments of realm master.
type AdminRealmArgs struct {
	// EventsExpiration is the retention of login and admin events.
	EventsExpiration time.Duration
	// FrontendURL is where administrators log in; empty for the server's public address.
	FrontendURL string
	// AdminPassword is the initial password of the permanent administrator; nil if there is none.
	AdminPassword pulumi.StringInput
}

// Validate reports every mistake in the arguments at once.
func (a *AdminRealmArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.EventsExpiration >= time.Minute, "EventsExpiration is %s, want at least a minute", a.EventsExpiration)
	return m.Err()
}

// AdminRealm is realm master: its brute-force protection, session lifetimes, events, and
// administrators.
type AdminRealm struct {
	pulumi.CustomResourceState

	// Ready resolves when the realm is configured.
	Ready pulumi.Resource
}

// NewAdminRealm registers the resource. If args are invalid, nothing is registered.
func NewAdminRealm(ctx *pulumi.Context, name string, args *AdminRealmArgs, opts ...pulumi.ResourceOption) (*AdminRealm, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("admin realm %q: %w", name, err)
	}
	inputs := pulumi.Map{
		PermanentAdmin: pulumi.Bool(args.AdminPassword != nil),
		// A temporary administrator has its expiry as an attribute, and is deleted after it.
		TemporaryAdminsExpire: pulumi.Bool(true),
		ExpiredAdmins:         pulumi.ToStringArray(nil),
	}
	if args.AdminPassword != nil {
		inputs[AdminPassword] = pulumi.ToSecret(args.AdminPassword)
	}
	for _, s := range AdminRealmSettings(args.EventsExpiration, args.FrontendURL) {
		inputs[s.Name] = pulumi.String("") // an attribute that must not be set
		if s.Value != nil {
			inputs[s.Name] = pulumi.Any(s.Value)
		}
	}
	r := &AdminRealm{}
	if err := ctx.RegisterResource(AdminRealmType, name, inputs, r, withVersion(append(opts, pulumi.AdditionalSecretOutputs([]string{AdminPassword})))...); err != nil {
		return nil, fmt.Errorf("admin realm %q: %w", name, err)
	}
	r.Ready = r
	return r, nil
}
