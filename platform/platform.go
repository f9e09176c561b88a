// Package platform composes a stack of the components. It is the only package that knows
// all of them, and contains only the wiring: which component gets which connection.
//
// Keycloak and MLflow start at the same time, as soon as their databases are ready; the
// realm is created when Keycloak answers.
package platform

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/components/identitysync"
	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/components/network"
	"github.com/mlflow-sso/mlflow-sso/components/objectstore"
	"github.com/mlflow-sso/mlflow-sso/components/pluginprovider"
	"github.com/mlflow-sso/mlflow-sso/components/postgres"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/components/redis"
	"github.com/mlflow-sso/mlflow-sso/config"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:platform:Platform"

// Name is the name of the program's own platform.
const Name = "platform"

// The databases of a stack.
const (
	mlflowDatabase   = "mlflow"
	authDatabase     = "mlflow_auth"
	keycloakDatabase = "keycloak"
)

// Args are the settings of the stack and the folder of the images.
type Args struct {
	// Config must be validated by its loader.
	Config *config.Config
	// Images contains a folder per service.
	Images string
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil || a.Config == nil {
		return errors.New("args: got no Config, want one")
	}
	if a.Config.Images.MLflow != "" {
		return nil // verify checks the user's own image
	}
	return mlflow.CheckRequirements(filepath.Join(a.Images, "mlflow", "requirements.txt"))
}

// Platform is the whole stack.
type Platform struct {
	pulumi.ResourceState

	name         string
	config       *config.Config
	credentials  *credentials.Credentials
	network      *network.Network
	images       map[string]pulumi.StringOutput
	postgres     *postgres.Server // nil if it is external
	databases    map[string]postgres.Database
	redis        *redis.Server // nil if it is external
	cache        redis.Endpoint
	artifacts    objectstore.Bucket // none if artifacts are in a volume
	keycloak     *keycloak.Server
	edge         *edge.Server // nil without an edge
	realm        *realm.Realm
	mlflow       *mlflow.Server
	identitySync *identitysync.Sidecar
	backup       *backup.Backup // nil without a backup
	plugin       *pluginprovider.Provider
	versions     pulumi.StringMap
	registered   *registrations
}

// New creates the stack. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Platform, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("platform %q: %w", name, err)
	}
	versions, err := versionOutputs(args.Config, args.Images)
	if err != nil {
		return nil, fmt.Errorf("platform %q: %w", name, err)
	}
	p := &Platform{name: name, config: args.Config, versions: versions}
	p.registered = newRegistrations(p)
	if err := ctx.RegisterComponentResource(TypeToken, name, p, append(opts, p.registered.option())...); err != nil {
		return nil, fmt.Errorf("platform %q: %w", name, err)
	}
	steps := []func(*pulumi.Context, ...pulumi.ResourceOption) error{
		p.makePlugin, p.makeCredentials, p.makeNetwork, p.imagesFrom(args.Images),
		p.connectExternal, p.makePostgres, p.makeRedis, p.makeKeycloak, p.makeEdge, p.makeRealm, p.makeUsers, p.makeIdentityProviders, p.makeMLflow, p.makeIdentitySync, p.makePermissions, p.makeBackup, p.makeLoginProof,
	}
	for _, step := range steps {
		if err := step(ctx, childopts.Options(p)...); err != nil {
			return nil, fmt.Errorf("platform %q: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(p, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("platform %q: %w", name, err)
	}
	return p, nil
}

// child returns the name and options of one of the platform's components. The program's own
// platform keeps the names in the state of existing stacks. Names of any other platform begin
// with its own, so that a program can have several.
func (p *Platform) child(name string, opts []pulumi.ResourceOption) (string, []pulumi.ResourceOption) {
	if p.name == Name {
		return name, opts
	}
	former := pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String(name)}})
	return p.name + "-" + name, append(slices.Clip(opts), former)
}

func (p *Platform) makeNetwork(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	name, opts := p.child("network", opts)
	args := &network.Args{Deployment: p.config.Name, Data: p.config.NeedsDataNetwork()}
	if p.config.Edge.Enabled() {
		args.Subnet = p.config.Edge.Subnet
	}
	p.network, err = network.New(ctx, name, args, opts...)
	return err
}

func (p *Platform) imagesFrom(folder string) func(*pulumi.Context, ...pulumi.ResourceOption) error {
	return func(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
		p.images = map[string]pulumi.StringOutput{}
		for _, args := range Images(p.config, folder) {
			name, opts := p.child(args.Service, opts)
			made, err := image.New(ctx, name, &args, opts...)
			if err != nil {
				return err
			}
			p.images[args.Service] = made.ID
		}
		return nil
	}
}

func (p *Platform) makePostgres(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	if p.config.Postgres.External != nil {
		return nil
	}
	name, opts := p.child("postgres", opts)
	p.postgres, err = postgres.New(ctx, name, &postgres.Args{
		Deployment: p.config.Name,
		Image:      p.images["postgres"],
		Network:    p.network.Data,
		MemoryMB:   p.config.Postgres.MemoryMB,
		Restart:    p.config.RestartPolicy,
		Superuser:  p.credentials.Password(credentials.PostgresSuperuser),
		Databases: map[string]pulumi.StringInput{
			mlflowDatabase:   p.credentials.Password(credentials.PostgresMLflow),
			authDatabase:     p.credentials.Password(credentials.PostgresMLflowAuth),
			keycloakDatabase: p.credentials.Password(credentials.PostgresKeycloak),
		},
		Reader:  p.backupReaderPassword(),
		Protect: p.config.ProtectData,
	}, opts...)
	if err == nil {
		p.databases = p.postgres.Databases
	}
	return err
}

func (p *Platform) makeRedis(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	if p.config.Redis.External != nil {
		return nil
	}
	name, opts := p.child("redis", opts)
	p.redis, err = redis.New(ctx, name, &redis.Args{
		Deployment: p.config.Name,
		Image:      p.images["redis"],
		Network:    p.network.Data,
		MemoryMB:   p.config.Redis.MemoryMB,
		Restart:    p.config.RestartPolicy,
		Password:   p.credentials.Password(credentials.Redis),
	}, opts...)
	if err == nil {
		p.cache = p.redis.Endpoint
	}
	return err
}

func (p *Platform) makeKeycloak(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	var password pulumi.StringInput
	if p.config.Keycloak.PermanentAdmin {
		password = p.credentials.Password(credentials.KeycloakAdmin)
	}
	name, opts := p.child("keycloak", opts)
	p.keycloak, err = keycloak.New(ctx, name, &keycloak.Args{
		Deployment:     p.config.Name,
		Image:          p.images["keycloak"],
		Edge:           p.network.Edge,
		Data:           p.dataNetwork(p.databases[keycloakDatabase].Managed()),
		MemoryMB:       p.config.Keycloak.MemoryMB,
		Restart:        p.config.RestartPolicy,
		StartMode:      p.config.Keycloak.StartMode,
		Port:           p.config.Keycloak.Port,
		EdgeAddress:    p.network.EdgeAddress,
		Public:         p.config.Keycloak.PublicURL,
		Database:       p.databases[keycloakDatabase],
		AdminPassword:  password,
		ProviderSecret: p.credentials.Password(credentials.KeycloakProvider),
	}, opts...)
	return err
}

// makeRealm uses Keycloak's admin API at its address on this host.
func (p *Platform) makeRealm(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	mail, err := mail(p.config.Realm.Mail)
	if err != nil {
		return err
	}
	admin, frontend := p.keycloak.Admin, ""
	if p.edge != nil {
		// The console logs in at the realm's own address. Behind an edge that is this host's
		// loopback address, since the edge does not expose realm master.
		admin, frontend = admin.WithReady(p.edge.Ready), admin.URL
	}
	name, opts := p.child("realm", opts)
	p.realm, err = realm.New(ctx, name, &realm.Args{
		Admin:          admin,
		AdminFrontend:  frontend,
		PermanentAdmin: p.keycloak.PermanentAdmin,

		PermanentAdminEdition: p.permanentAdminVersion(),
		AdminSecretVersion:    p.credentials.Version(credentials.KeycloakProvider),
		PreviousAdminSecrets:  p.credentials.Previous(credentials.KeycloakProvider),

		Public:              p.keycloak.Public,
		Internal:            p.keycloak.Internal,
		Application:         p.config.MLflow.PublicURL,
		RedirectPath:        mlflow.RedirectPath,
		LogoutPath:          mlflow.LogoutPath,
		ClientSecret:        p.credentials.Password(credentials.MLflowClient),
		SyncClientSecret:    p.credentials.Password(credentials.IdentitySyncClient),
		AccessAdminSecret:   p.accessAdminSecret(),
		SSLRequired:         p.config.Realm.SSLRequired,
		AccessTokenLifespan: p.config.Realm.AccessTokenLifespan,
		PasswordPolicy:      p.config.Realm.PasswordPolicy,
		EventsExpiration:    p.config.Realm.EventsExpiration,
		Users:               p.demoUsers(),
		ServiceAccounts:     p.serviceAccounts(),
		Groups:              p.config.Realm.Groups,
		ManagedGroups:       p.config.ManagedGroups(),
		Mail:                mail,
		ConfirmsEmail:       p.config.ConfirmsEmail(),
	}, opts...)
	return err
}

func (p *Platform) makeMLflow(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	name, opts := p.child("mlflow", opts)
	p.mlflow, err = mlflow.New(ctx, name, &mlflow.Args{
		Deployment:        p.config.Name,
		Image:             p.images["mlflow"],
		Edge:              p.network.Edge,
		Data:              p.dataNetwork(p.databases[mlflowDatabase].Managed() || p.cache.Managed()),
		MemoryMB:          p.config.MLflow.MemoryMB,
		Restart:           p.config.RestartPolicy,
		Port:              p.config.MLflow.Port,
		EdgeAddress:       p.network.EdgeAddress,
		Public:            p.config.MLflow.PublicURL,
		Workers:           p.config.MLflow.Workers,
		DefaultPermission: p.config.MLflow.DefaultPermission,
		Contact:           p.config.MLflow.Contact,
		Backend:           p.databases[mlflowDatabase],
		Auth:              p.databases[authDatabase],
		Cache:             p.cache,
		Artifacts:         p.artifacts,
		OIDC:              p.realm.Client,
		SessionKey:        p.credentials.Password(credentials.MLflowSession),
		SessionTokenKey:   p.credentials.FernetKey(credentials.MLflowSessionTokens),
		GatewayKey:        p.credentials.Password(credentials.MLflowGateway),
		GatewayKeyNumber:  p.credentials.VersionNumber(credentials.MLflowGateway),
		Keys:              p.storedKeys(),
		OwnProvider:       p.plugin,
		Gateway:           p.gateway(),
		Webhooks:          p.webhooks(),
		Protect:           p.config.ProtectData,
	}, opts...)
	return err
}
