// Package identitysync makes the container that keeps MLflow's people as Keycloak has
// them, and its tables small.
//
// The plugin in MLflow learns who a person is at a login and never again. The keeper
// asks Keycloak every few seconds: whoever is disabled there, deleted, or in none of
// the two groups any more loses every session and every personal token, and whoever
// is in other groups has them at once. It also ends what was granted past Keycloak
// when its time is over, and removes from the plugin's tables what the plugin leaves
// there for ever. While Keycloak does not answer, nobody loses anything.
//
// It reaches the plugin's database, which is all that MLflow's own container could
// do too; that it may see Keycloak's people is its own right, which MLflow has not.
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

// formerTypeToken is the type in the state of stacks that an earlier version made.
const formerTypeToken = "mlflow-sso:keeper:Keeper"

// Command is what the image is told to be the keeper.
func Command() []string { return []string{"keep"} }

// Args say how often the keeper looks, and at what.
type Args struct {
	// Deployment is the prefix of the container's name.
	Deployment string
	// Image keeps the contract of images/mlflow.
	Image pulumi.StringInput
	// Edge and Data are the names of the two networks. Data is nil where the
	// database is not on it.
	Edge, Data pulumi.StringInput
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// Follow is the time between two looks at Keycloak, Prune between two removals
	// of what is over.
	Follow, Prune time.Duration
	// Auth keeps people, permissions and sessions.
	Auth postgres.Database
	// OIDC is how people log in, and in which groups.
	OIDC realm.OIDCClient
	// Watcher is how to see Keycloak's people.
	Watcher realm.SyncClient
	// MLflow is the server, which makes the plugin's tables when it starts.
	MLflow *mlflow.Server
}

// Validate reports every mistake in the arguments at once. What only the
// container needs is checked there.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Edge != nil, "Edge is missing, want the edge network")
	m.Require((a.Data != nil) == a.Auth.Managed(), "Data is there: %t, want it exactly where the database is the stack's: %t", a.Data != nil, a.Auth.Managed())
	m.Require(a.Follow >= time.Second && a.Follow%time.Second == 0, "Follow is %s, want whole seconds", a.Follow)
	m.Require(a.Prune >= time.Second && a.Prune%time.Second == 0, "Prune is %s, want whole seconds", a.Prune)
	m.Require(!a.Auth.IsZero(), "Auth is missing, want a database")
	m.Require(!a.OIDC.IsZero(), "OIDC is missing, want a client")
	m.Require(!a.Watcher.IsZero(), "Watcher is missing, want a service account")
	m.Require(a.MLflow != nil, "MLflow is missing, want the server")
	return m.Err(a.container().Validate())
}

// Keeper is the container.
type Keeper struct {
	pulumi.ResourceState

	// Container is the name of the container.
	Container pulumi.StringOutput
}

// New makes the keeper. With an error from args nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Keeper, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("keeper %q: %w", name, err)
	}
	k := &Keeper{}
	if err := ctx.RegisterComponentResource(TypeToken, name, k, append(opts, childopts.FormerType(formerTypeToken))...); err != nil {
		return nil, fmt.Errorf("keeper %q: %w", name, err)
	}
	spec := args.container()
	spec.Env = args.environment() // not in container: Validate has no database to take it from
	made, err := container.New(ctx, name+"-container", spec, k, container.After(args.Auth.Ready, args.MLflow.Ready))
	if err != nil {
		return nil, fmt.Errorf("keeper %q: %w", name, err)
	}
	k.Container = made.Name
	if err := ctx.RegisterResourceOutputs(k, pulumi.Map{"container": k.Container}); err != nil {
		return nil, fmt.Errorf("keeper %q: %w", name, err)
	}
	return k, nil
}

func (a *Args) environment() map[string]pulumi.StringInput {
	seconds := func(d time.Duration) pulumi.StringInput { return pulumi.String(strconv.Itoa(int(d.Seconds()))) }
	return map[string]pulumi.StringInput{
		"OIDC_USERS_DB_URI":     a.Auth.URI(),
		"OIDC_GROUP_NAME":       pulumi.String(a.OIDC.UserGroup),
		"OIDC_ADMIN_GROUP_NAME": pulumi.String(a.OIDC.AdminGroup),
		"KEEPER_REALM_URL":      pulumi.String(a.Watcher.RealmURL),
		"KEEPER_CLIENT_ID":      pulumi.String(a.Watcher.ID),
		"KEEPER_CLIENT_SECRET":  a.Watcher.Secret,
		"KEEPER_FOLLOW_SECONDS": seconds(a.Follow),
		"KEEPER_PRUNE_SECONDS":  seconds(a.Prune),
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
