package realm

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// events configures the realm to record logins, failed logins and admin events. Admin events
// include the changed values: Keycloak omits passwords and secrets.
func (b *builder) events() error {
	_, err := keycloak.NewRealmEvents(b.ctx, b.name+"-events", &keycloak.RealmEventsArgs{
		RealmId:                   b.made.ID(),
		EventsEnabled:             pulumi.Bool(true),
		EventsExpiration:          pulumi.Int(b.expiration()),
		AdminEventsEnabled:        pulumi.Bool(true),
		AdminEventsDetailsEnabled: pulumi.Bool(true),
		// Failures are also in the container's log.
		EventsListeners: pulumi.ToStringArray([]string{"jboss-logging"}),
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// adminEventsExpire is a realm attribute: the expiration above covers users' login events only.
func (b *builder) adminEventsExpire() pulumi.StringMap {
	return pulumi.StringMap{"adminEventsExpiration": pulumi.String(strconv.Itoa(b.expiration()))}
}

// expiration is in seconds.
func (b *builder) expiration() int { return int(b.args.EventsExpiration.Seconds()) }
