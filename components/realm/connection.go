package realm

import (
	"fmt"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/leftovers"
)

// Resources is the connection for components that create objects in the realm.
type Resources struct {
	// RealmID is the ID of the realm.
	RealmID pulumi.StringOutput
	// Groups are the IDs of the realm's groups by their names.
	Groups map[string]pulumi.StringOutput

	provider  pulumi.ProviderResource
	server    pulumi.Resource
	leftovers pulumi.ResourceOption
}

// IsZero reports whether there is no realm.
func (i Resources) IsZero() bool { return i.provider == nil || i.server == nil }

// Options returns the options of a child inside Keycloak: it uses the realm's provider, and is
// deleted with the server's container.
func (i Resources) Options(parent pulumi.Resource, extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return childopts.Options(parent, append([]pulumi.ResourceOption{pulumi.Provider(i.provider), pulumi.DeletedWith(i.server), i.leftovers}, extra...)...)
}

func (b *builder) resources() Resources {
	i := Resources{
		RealmID: b.made.ID().ToStringOutput(), Groups: map[string]pulumi.StringOutput{},
		provider: b.keycloak, server: b.args.Admin.Server, leftovers: b.leftovers,
	}
	for name, group := range b.byGroup {
		i.Groups[name] = group.ID().ToStringOutput()
	}
	return i
}

func (b *builder) provider() (err error) {
	b.keycloak, err = keycloak.NewProvider(b.ctx, b.name+"-keycloak", &keycloak.ProviderArgs{
		Url:          pulumi.String(b.args.Admin.URL),
		ClientId:     pulumi.String(b.args.Admin.ClientID),
		ClientSecret: b.args.Admin.Secret, // a secret that the provider does not mark as one
		// A preview must not need a running Keycloak.
		InitialLogin: pulumi.Bool(false),
		// Creating a realm on a cold server can exceed the default timeout of 5 s, and the realm would then
		// exist but not be recorded.
		ClientTimeout: pulumi.Int(60),
	}, childopts.Options(b.component)...)
	if err != nil {
		return fmt.Errorf("provider: %w", err)
	}
	b.leftovers, err = leftovers.InKeycloak(b.ctx, b.name, leftovers.Keycloak{URL: b.args.Admin.URL, ClientID: b.args.Admin.ClientID, Secret: b.args.Admin.Secret})
	return err
}
