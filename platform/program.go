package platform

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/components/leftovers"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// ImagesFolder is the folder of the images, relative to the project's folder, in which Pulumi
// runs the program.
const ImagesFolder = "images"

// WithPlugin runs a program only if the project's own plugin exists.
func WithPlugin(program pulumi.RunFunc) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if err := pulumiplugin.Check(); err != nil {
			return err
		}
		return program(ctx)
	}
}

// WithLeftovers runs a program that removes what a killed update left on the Docker host. Pulumi's mocks
// do not support hooks.
func WithLeftovers(program pulumi.RunFunc) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		host, err := hostvolume.FromEnvironment()
		if err != nil {
			return err
		}
		return program(leftovers.With(ctx, host.API))
	}
}

// Program is the whole Pulumi program: settings, stack, outputs.
func Program(ctx *pulumi.Context) error {
	settings, err := config.Load(ctx)
	if err != nil {
		return err
	}
	host, err := hostvolume.FromEnvironment()
	if err != nil {
		return err
	}
	p, err := New(hostvolume.With(ctx, host), Name, &Args{Config: settings, Images: ImagesFolder})
	if err != nil {
		return err
	}
	for name, value := range p.outputs() {
		ctx.Export(name, value)
	}
	return nil
}

// outputs returns the outputs that package outputs reads, key by key.
func (p *Platform) outputs() pulumi.Map {
	users := pulumi.Array{}
	for _, user := range p.realm.Users {
		users = append(users, pulumi.Map{
			"username": pulumi.String(user.Username),
			"email":    pulumi.String(user.Email()),
			"password": user.Password,
			"edition":  pulumi.String(user.Edition),
			"group":    pulumi.String(user.Group),
		})
	}
	all := pulumi.Map{
		"deployment": pulumi.String(p.config.Name),
		"versions":   p.versions,
		"mlflow":     p.mlflowOutputs(),
		"keycloak": pulumi.Map{
			"container": p.keycloak.Container,
			"url":       pulumi.String(p.keycloak.Public.String()),
			"adminUrl":  pulumi.String(p.keycloak.Admin.URL),
			"admin": pulumi.Map{
				"username": pulumi.String(p.keycloak.PermanentAdmin.Username),
				"password": p.keycloak.PermanentAdmin.Password,
				"edition":  pulumi.String(p.permanentAdminVersion()),
			},
			"provider": pulumi.Map{
				"id":     pulumi.String(p.keycloak.Admin.ClientID),
				"secret": p.keycloak.Admin.Secret,
			},
		},
		"accessAdmin": p.accessAdminOutputs(),
		"identitySync": pulumi.Map{
			"container":            p.identitySync.Container,
			"intervalSeconds":      pulumi.Int(int(p.config.IdentitySync.Interval.Seconds())),
			"pruneIntervalSeconds": pulumi.Int(int(p.config.IdentitySync.PruneInterval.Seconds())),
		},
		"realm": pulumi.Map{
			"name":         pulumi.String(realm.Name),
			"issuer":       pulumi.String(p.realm.Client.Issuer),
			"discoveryUrl": pulumi.String(p.realm.Client.DiscoveryURL),
			"clientId":     pulumi.String(p.realm.Client.ID),
			"adminGroup":   pulumi.String(p.realm.Client.AdminGroup),
			"userGroup":    pulumi.String(p.realm.Client.UserGroup),
			// In seconds, also for realm master, which the tool configures.
			"eventsExpiration": pulumi.Int(int(p.config.Realm.EventsExpiration.Seconds())),
		},
		"volumes":            p.volumeOutputs(),
		"postgres":           p.postgresOutputs(),
		"redis":              p.redisOutputs(),
		"artifacts":          p.artifactsOutputs(),
		"edge":               p.edgeOutputs(),
		"backup":             p.backupOutputs(),
		"demoUsers":          users,
		"serviceAccounts":    p.serviceAccountOutputs(),
		"credentialVersions": p.credentialVersionOutputs(),
	}
	if providers := p.identityProviderOutputs(); len(providers) > 0 {
		all["identityProviders"] = providers
	}
	return all
}

// volumeOutputs returns the volumes with data.
func (p *Platform) volumeOutputs() pulumi.Array {
	volumes := pulumi.Array{}
	add := func(v hostvolume.Volume) {
		volumes = append(volumes, pulumi.Map{"name": v.Name, "deployment": v.Deployment})
	}
	if p.postgres != nil {
		add(p.postgres.Volume)
	}
	if p.mlflow.Volume != nil {
		add(*p.mlflow.Volume)
	}
	return volumes
}
