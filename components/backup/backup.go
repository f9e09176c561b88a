// Package backup creates the container that takes snapshots of a stack's databases and
// artifacts.
//
// It only reads: its Postgres role is read-only, and so is its mount of the artifact
// volume. Snapshots go to an encrypted restic repository, in a directory of the Docker
// host or in a bucket; the container's key is derived from the root secret, which the
// container does not have. The repository outlives the stack.
package backup

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
	"github.com/mlflow-sso/mlflow-sso/components/objectstore"
	"github.com/mlflow-sso/mlflow-sso/components/postgres"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:backup:Backup"

// Paths inside the container.
const (
	StatePath      = "/var/lib/backup"
	RepositoryPath = "/repository"
	ArtifactPath   = "/mlflow/artifacts"
)

// Args are the arguments of the backup container.
type Args struct {
	// Deployment is the prefix of the container's and the volumes' names.
	Deployment string
	// Image implements the contract of images/backup.
	Image pulumi.StringInput
	// Data is the network of the databases, Edge the one with outgoing traffic; each is nil if it
	// is not needed.
	Data, Edge pulumi.StringInput
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// Databases are backed up in the order of Order, which names all of them.
	Databases map[string]postgres.Database
	Order     []string
	// Artifacts is the volume with the artifacts; nil if they are in ExternalArtifacts, which
	// snapshots do not include.
	Artifacts         pulumi.StringInput
	ExternalArtifacts string
	// Folder is the folder of the Docker host for the repository; empty if the repository is in
	// Bucket.
	Folder string
	Bucket objectstore.Bucket
	// Repository is the repository in restic's notation.
	Repository string
	// Key decrypts the repository.
	Key Key
	// OwnProvider is the provider of package pluginprovider. It manages the
	// repository's keys.
	OwnProvider pulumi.ProviderResource
	// Interval is the time between two snapshots; 0 takes snapshots on demand only.
	Interval time.Duration
	// Last, Daily, Weekly and Monthly are the numbers of snapshots to keep.
	Last, Daily, Weekly, Monthly int
	// VerifyWithin is the maximum age of the last verified restore.
	VerifyWithin time.Duration
	// Ready resolves when the databases and artifacts are available.
	Ready pulumi.Resource
}

// Validate reports every mistake in the arguments at once. It leaves what concerns the container
// alone to package container.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(len(a.Databases) > 0, "Databases is empty, want at least one")
	m.Require(slices.Equal(slices.Sorted(slices.Values(a.Order)), slices.Sorted(maps.Keys(a.Databases))), "Order is %v, want each database once", a.Order)
	m.Require((a.Artifacts != nil) == (a.ExternalArtifacts == ""), "Artifacts is set: %t, want it exactly if ExternalArtifacts is empty, got %q", a.Artifacts != nil, a.ExternalArtifacts)
	m.Require((a.Folder != "") == a.Bucket.IsZero(), "Folder is %q, want it exactly if there is no Bucket", a.Folder)
	m.Require(a.Repository != "", `Repository is "", want where restic finds it`)
	m.Require(a.Key.Value != nil, "Key is missing, want one")
	m.Require(a.OwnProvider != nil, "OwnProvider is missing, want the project's own one")
	return m.Err(a.container().Validate())
}

// Backup is the backup container.
type Backup struct {
	pulumi.ResourceState

	// Container is the name of the container.
	Container pulumi.StringOutput
	// Ready resolves when the container is healthy.
	Ready pulumi.Resource
}

// New creates the container. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Backup, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("backup %q: %w", name, err)
	}
	b := &Backup{}
	if err := ctx.RegisterComponentResource(TypeToken, name, b, opts...); err != nil {
		return nil, fmt.Errorf("backup %q: %w", name, err)
	}
	state, err := container.NewVolume(ctx, name+"-state", &container.VolumeArgs{
		Deployment: args.Deployment, Component: "backup", Data: "backup-state",
	}, b)
	if err != nil {
		return nil, fmt.Errorf("backup %q: %w", name, err)
	}
	spec := args.container()
	spec.Env, spec.Volumes = args.environment(), map[string]pulumi.StringInput{StatePath: state.Name}
	if args.Folder != "" {
		repository, err := container.NewVolume(ctx, name+"-repository", &container.VolumeArgs{
			Deployment: args.Deployment, Component: "backup", Data: "backup-repository", Folder: args.Folder,
		}, b)
		if err != nil {
			return nil, fmt.Errorf("backup %q: %w", name, err)
		}
		spec.Volumes[RepositoryPath] = repository.Name
	}
	if args.Artifacts != nil {
		spec.Volumes[ArtifactPath], spec.ReadOnly = args.Artifacts, []string{ArtifactPath}
	}
	made, err := container.New(ctx, name+"-container", spec, b, container.After(args.Ready))
	if err != nil {
		return nil, fmt.Errorf("backup %q: %w", name, err)
	}
	b.Container, b.Ready = made.Name, made
	if _, err := NewRepositoryKey(ctx, name+"-repository-key", &RepositoryKeyArgs{Provider: args.OwnProvider, Container: spec.Name(), Key: args.Key},
		childopts.Options(b, pulumi.DependsOn([]pulumi.Resource{b.Ready}), pulumi.DeletedWith(b.Ready))...); err != nil {
		return nil, fmt.Errorf("backup %q: %w", name, err)
	}
	if err := ctx.RegisterResourceOutputs(b, pulumi.Map{"container": b.Container}); err != nil {
		return nil, fmt.Errorf("backup %q: %w", name, err)
	}
	return b, nil
}

func (a *Args) environment() map[string]pulumi.StringInput {
	first := a.Databases[a.Order[0]]
	mode, authorities := "disable", ""
	if first.Address.TLS {
		mode, authorities = "verify-full", address.Authorities
	}
	artifacts := ArtifactPath
	if a.Artifacts == nil {
		artifacts = ""
	}
	number := func(n int) pulumi.StringInput { return pulumi.String(strconv.Itoa(n)) }
	env := map[string]pulumi.StringInput{
		"BACKUP_DEPLOYMENT":            pulumi.String(a.Deployment),
		"BACKUP_DATABASES":             pulumi.String(strings.Join(a.Order, " ")),
		"BACKUP_HOST":                  pulumi.String(first.Address.Host),
		"BACKUP_PORT":                  number(first.Address.Port),
		"BACKUP_SSLMODE":               pulumi.String(mode),
		"BACKUP_ROOT_CERTIFICATES":     pulumi.String(authorities),
		"BACKUP_ARTIFACTS":             pulumi.String(artifacts),
		"BACKUP_ARTIFACTS_ELSEWHERE":   pulumi.String(a.ExternalArtifacts),
		"BACKUP_EVERY_SECONDS":         number(int(a.Interval.Seconds())),
		"BACKUP_KEEP_LAST":             number(a.Last),
		"BACKUP_KEEP_DAILY":            number(a.Daily),
		"BACKUP_KEEP_WEEKLY":           number(a.Weekly),
		"BACKUP_KEEP_MONTHLY":          number(a.Monthly),
		"BACKUP_PROVED_WITHIN_SECONDS": number(int(a.VerifyWithin.Seconds())),
		"RESTIC_REPOSITORY":            pulumi.String(a.Repository),
		"RESTIC_PASSWORD":              a.Key.Value,
	}
	for _, name := range a.Order {
		database, upper := a.Databases[name], strings.ToUpper(name)
		env["BACKUP_NAME_"+upper] = pulumi.String(database.Name)
		env["BACKUP_USER_"+upper] = pulumi.String(database.Role())
		env["BACKUP_PASSWORD_"+upper] = database.Password
	}
	if !a.Bucket.IsZero() {
		env["AWS_ACCESS_KEY_ID"] = pulumi.String(a.Bucket.AccessKeyID)
		env["AWS_SECRET_ACCESS_KEY"] = a.Bucket.SecretKey
		env["AWS_DEFAULT_REGION"] = pulumi.String(a.Bucket.Region)
	}
	return env
}

func (a *Args) container() *container.Args {
	var networks []pulumi.StringInput
	for _, network := range []pulumi.StringInput{a.Data, a.Edge} {
		if network != nil {
			networks = append(networks, network)
		}
	}
	return &container.Args{
		Deployment:   a.Deployment,
		Component:    "backup",
		Image:        a.Image,
		Networks:     networks,
		MemoryMB:     a.MemoryMB,
		Tmpfs:        map[string]string{"/tmp": "size=64m"},
		Restart:      a.Restart,
		StartSeconds: 60,
		StopSeconds:  20,
	}
}
