// Package identitysync creates the container that mirrors Keycloak users and groups into
// MLflow and prunes expired rows.
//
// MLflow's plugin reads a user's groups at a login only. The identity sync asks Keycloak
// every few seconds: a user who is disabled, deleted, or in neither of the two groups
// loses all sessions and personal tokens, and changed groups apply at once. It also
// revokes expired break-glass access, and removes expired rows that the plugin leaves in
// its tables. While Keycloak does not answer, nothing is revoked.
//
// It uses the plugin's database as MLflow's own container does; the role to view
// Keycloak's users is its own.
package identitysync

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/components/postgres"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:identitysync:IdentitySync"

// formerTypeToken is the type in the state of stacks from an earlier version.
const formerTypeToken = "mlflow-sso:keeper:Keeper"

// Command makes the image run as the identity sync.
func Command() []string { return []string{"keep"} }

// Args are the arguments of the identity sync.
type Args struct {
	// Deployment is the prefix of the container's name.
	Deployment string
	// Image implements the contract of images/mlflow.
	Image pulumi.StringInput
	// Edge and Data are the names of the two networks. Data is nil if the database is external.
	Edge, Data pulumi.StringInput
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// Interval is the time between two synchronizations, PruneInterval between two
	// removals of expired rows.
	Interval, PruneInterval time.Duration
	// Auth stores users, permissions and sessions.
	Auth postgres.Database
	// OIDC is the login configuration, including the groups with access.
	OIDC realm.OIDCClient
	// SyncClient is the client with the role to view users.
	SyncClient realm.SyncClient
	// MLflow is the server, which creates the plugin's tables when it starts.
	MLflow *mlflow.Server
}

// Validate reports every mistake in the arguments at once. It leaves what concerns the container
// alone to package container.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Edge != nil, "Edge is missing, want the edge network")
	m.Require((a.Data != nil) == a.Auth.Managed(), "Data is set: %t, want it exactly if the database is the stack's: %t", a.Data != nil, a.Auth.Managed())
	m.Require(a.Interval >= time.Second && a.Interval%time.Second == 0, "Interval is %s, want whole seconds", a.Interval)
	m.Require(a.PruneInterval >= time.Second && a.PruneInterval%time.Second == 0, "PruneInterval is %s, want whole seconds", a.PruneInterval)
	m.Require(!a.Auth.IsZero(), "Auth is missing, want a database")
	m.Require(!a.OIDC.IsZero(), "OIDC is missing, want a client")
	m.Require(!a.SyncClient.IsZero(), "SyncClient is missing, want a service account")
	m.Require(a.MLflow != nil, "MLflow is missing, want the server")
	return m.Err(a.container().Validate())
}

// Sidecar is the container.
type Sidecar struct {
	pulumi.ResourceState

	// Container is the name of the container.
	Container pulumi.StringOutput
}

// New creates the container. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Sidecar, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("identity sync %q: %w", name, err)
	}
	k := &Sidecar{}
	if err := ctx.RegisterComponentResource(TypeToken, name, k, append(opts, childopts.FormerType(formerTypeToken))...); err != nil {
		return nil, fmt.Errorf("identity sync %q: %w", name, err)
	}
	spec := args.container()
	spec.Env = args.environment() // package container cannot check this: it does not know the database
	made, err := container.New(ctx, name+"-container", spec, k, container.After(args.Auth.Ready, args.MLflow.Ready))
	if err != nil {
		return nil, fmt.Errorf("identity sync %q: %w", name, err)
	}
	k.Container = made.Name
	if err := ctx.RegisterResourceOutputs(k, pulumi.Map{"container": k.Container}); err != nil {
		return nil, fmt.Errorf("identity sync %q: %w", name, err)
	}
	return k, nil
}

func (a *Args) environment() map[string]pulumi.StringInput {
	seconds := func(d time.Duration) pulumi.StringInput { return pulumi.String(strconv.Itoa(int(d.Seconds()))) }
	return map[string]pulumi.StringInput{
		"OIDC_USERS_DB_URI":     a.Auth.URI(),
		"OIDC_GROUP_NAME":       pulumi.String(a.OIDC.UserGroup),
		"OIDC_ADMIN_GROUP_NAME": pulumi.String(a.OIDC.AdminGroup),
		"KEEPER_REALM_URL":      pulumi.String(a.SyncClient.RealmURL),
		"KEEPER_CLIENT_ID":      pulumi.String(a.SyncClient.ID),
		"KEEPER_CLIENT_SECRET":  a.SyncClient.Secret,
		"KEEPER_FOLLOW_SECONDS": seconds(a.Interval),
		"KEEPER_PRUNE_SECONDS":  seconds(a.PruneInterval),
	}
}

func (a *Args) container() *container.Args {
	networks := []pulumi.StringInput{a.Edge}
	if a.Data != nil {
		networks = []pulumi.StringInput{a.Data, a.Edge}
	}
	return &container.Args{
		Deployment:   a.Deployment,
		Component:    "keeper",
		Image:        a.Image,
		Command:      Command(),
		Networks:     networks,
		MemoryMB:     a.MemoryMB,
		Tmpfs:        map[string]string{"/tmp": "size=16m"},
		Restart:      a.Restart,
		StartSeconds: 60,
		StopSeconds:  10,
	}
}
