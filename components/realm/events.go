package realm

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// events makes the realm remember who logged in and who failed to, and who changed
// what. What changed is kept with it: Keycloak leaves passwords and secrets out.
func (b *builder) events() error {
	_, err := keycloak.NewRealmEvents(b.ctx, b.name+"-events", &keycloak.RealmEventsArgs{
		RealmId:                   b.made.ID(),
		EventsEnabled:             pulumi.Bool(true),
		EventsExpiration:          pulumi.Int(b.expiration()),
		AdminEventsEnabled:        pulumi.Bool(true),
		AdminEventsDetailsEnabled: pulumi.Bool(true),
		// Failures are in the container's log, too.
		EventsListeners: pulumi.ToStringArray([]string{"jboss-logging"}),
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// adminEventsExpire is an attribute of the realm: the expiration above is of
// people's logins alone.
func (b *builder) adminEventsExpire() pulumi.StringMap {
	return pulumi.StringMap{"adminEventsExpiration": pulumi.String(strconv.Itoa(b.expiration()))}
}

// expiration is in seconds.
func (b *builder) expiration() int { return int(b.args.EventsExpiration.Seconds()) }
