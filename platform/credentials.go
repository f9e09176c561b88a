package platform

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// CredentialsName is the name of the credentials component.
const CredentialsName = "credentials"

func (p *Platform) makeCredentials(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	name, opts := p.child(CredentialsName, opts)
	p.credentials, err = credentials.New(ctx, name, &credentials.Args{
		Root: p.config.Credentials.Root, Generations: p.config.Credentials.Generations, Protect: p.config.ProtectData,
	}, opts...)
	return err
}

// demoUsers returns one user for each possible result of a login.
func (p *Platform) demoUsers() []realm.User {
	if !p.config.Realm.DemoUsers {
		return nil
	}
	all := []realm.User{
		{Username: "demo-admin", FirstName: "Ada", LastName: "Admin", Group: realm.AdminGroup},
		{Username: "demo-member", FirstName: "Mel", LastName: "Member", Group: realm.UserGroup},
		{Username: "demo-outsider", FirstName: "Otto", LastName: "Outsider"},
	}
	for i, label := range []credentials.Label{credentials.DemoAdmin, credentials.DemoMember, credentials.DemoOutsider} {
		all[i].Password, all[i].Edition = p.credentials.Password(label), p.credentials.Version(label)
	}
	return all
}

// permanentAdminVersion is empty without a permanent administrator.
func (p *Platform) permanentAdminVersion() string {
	if !p.config.Keycloak.PermanentAdmin {
		return ""
	}
	return p.credentials.Version(credentials.KeycloakAdmin)
}

// credentialVersionOutputs returns the versions in the settings.
func (p *Platform) credentialVersionOutputs() pulumi.Map {
	set := p.config.Credentials
	generations := pulumi.Array{}
	for _, label := range slices.Sorted(maps.Keys(set.Generations)) {
		generations = append(generations, pulumi.Map{"label": pulumi.String(string(label)), "generation": pulumi.Int(set.Generations[label])})
	}
	return pulumi.Map{"root": pulumi.Int(set.Root), "generations": generations}
}
