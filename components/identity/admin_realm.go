package identity

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// How long an administrator's session lasts: until nobody has used it for a quarter of an
// hour, which is a break, and at most a working day. Whoever sits down at the computer
// meanwhile can become anybody.
const (
	sessionIdle = 15 * time.Minute
	// SessionMax is the longest session of an administrator.
	SessionMax = 8 * time.Hour
)

// Inputs of an AdminRealm that are not settings of the realm.
const (
	PermanentAdmin        = "permanentAdmin"
	AdminPassword         = "adminPassword"
	TemporaryAdminsExpire = "temporaryAdminsExpire"
	ExpiredAdmins         = "expiredAdmins"
)

// RealmSetting is a setting of realm master by Keycloak's name for it.
type RealmSetting struct {
	Name string
	// Attribute is for settings that Keycloak has one level below the others.
	Attribute bool
	// Value is nil for an attribute that must not be set.
	Value any
}

// AdminRealmSettings are those that realm master has; others are left alone. An empty
// frontendURL leaves the realm at the server's public address.
func AdminRealmSettings(eventsExpiration time.Duration, frontendURL string) []RealmSetting {
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	all := []RealmSetting{
		{Name: "sslRequired", Value: "external"},
		{Name: "registrationAllowed", Value: false},
		{Name: "resetPasswordAllowed", Value: false},
		{Name: "editUsernameAllowed", Value: false},
		{Name: "rememberMe", Value: false},

		// As in the stack's own realm. Nobody is locked out for good: whoever reaches the
		// login form could do that to the administrator.
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
		// A session that is kept for later is no way around.
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

// AdminRealmArgs say what realm master is like.
type AdminRealmArgs struct {
	// EventsExpiration is how long the realm remembers logins and changes.
	EventsExpiration time.Duration
	// FrontendURL is where administrators log in; empty for the server's public address.
	FrontendURL string
	// AdminPassword is the first password of the permanent administrator; nil where there is none.
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

// AdminRealm is realm master: what anonymous clients may try, how long a session lasts, what
// is remembered, and who may log in.
type AdminRealm struct {
	pulumi.CustomResourceState

	// Ready is there when the realm is set.
	Ready pulumi.Resource
}

// NewAdminRealm registers it. With an error from args nothing is registered.
func NewAdminRealm(ctx *pulumi.Context, name string, args *AdminRealmArgs, opts ...pulumi.ResourceOption) (*AdminRealm, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("admin realm %q: %w", name, err)
	}
	inputs := pulumi.Map{
		PermanentAdmin: pulumi.Bool(args.AdminPassword != nil),
		// An administrator for a while carries the end of that time, and is deleted after it.
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
