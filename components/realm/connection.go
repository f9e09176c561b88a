package realm

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
)

// Resources is what a component needs that makes something in the realm.
type Resources struct {
	// RealmID is the realm's.
	RealmID pulumi.StringOutput
	// Groups are the IDs of the realm's groups by their names.
	Groups map[string]pulumi.StringOutput

	provider  pulumi.ProviderResource
	server    pulumi.Resource
	leftovers pulumi.ResourceOption
}

// IsZero says whether there is no realm.
func (i Resources) IsZero() bool { return i.provider == nil || i.server == nil }

// Options are those of a child inside Keycloak: it is made through the realm's
// provider, and goes with the server's container.
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
