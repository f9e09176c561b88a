// Package mlflow creates the MLflow tracking server with its single sign-on plugin.
//
// Its environment is built only from the connections of the other components, so the
// server cannot get an address, a name or a password that the other side does not have.
// The plugin starts with almost any value: a misspelt permission shows only when a
// member's request fails. So every value with a fixed set is checked here, before a
// container exists.
package mlflow

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
	"github.com/mlflow-sso/mlflow-sso/components/objectstore"
	"github.com/mlflow-sso/mlflow-sso/components/postgres"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/components/redis"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:mlflow:Server"

// Where the plugin expects a browser back from Keycloak.
const (
	RedirectPath = "/callback"
	LogoutPath   = "/oidc/ui/auth"
)

const (
	port         = 5000
	artifactPath = "/mlflow/artifacts"
)

// Internal is where a service on the network calls the server. It is known before
// there is a server, since the edge starts before it.
func Internal() address.Internal { return address.Internal{Host: "mlflow", Port: port} }

// Permissions are what the plugin knows, and all it knows.
func Permissions() []string { return []string{"READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS"} }

// Args say how the server runs and whom it works with.
type Args struct {
	// Deployment is the prefix of the container's and the volume's name.
	Deployment string
	// Image keeps the contract of images/mlflow.
	Image pulumi.StringInput
	// Edge and Data are the names of the two networks. Data is nil where neither
	// databases nor cache are on it.
	Edge, Data pulumi.StringInput
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// Port is where the server is published on 127.0.0.1 of the host, unless
	// the edge is in front of it.
	Port int
	// EdgeAddress is the address of the edge, which terminates TLS: the
	// only one that is believed where a request comes from. The zero value publishes
	// the server itself.
	EdgeAddress netip.Addr
	// Public is what a browser sees.
	Public address.Public
	// Workers is the number of server processes.
	Workers int
	// DefaultPermission is what a member may do without a grant.
	DefaultPermission string
	// Contact is whom a refused user asks: an e-mail address or an https URL; empty for none.
	Contact string
	// Backend keeps runs and models, Auth keeps people, permissions and sessions.
	Backend, Auth postgres.Database
	// Cache keeps permissions for a short time.
	Cache redis.Endpoint
	// Artifacts is where files are kept; the zero value keeps them in a volume.
	Artifacts objectstore.Bucket
	// OIDC is how people log in.
	OIDC realm.OIDCClient
	// SessionKey signs session cookies.
	SessionKey pulumi.StringInput
	// SessionTokenKey encrypts the tokens that a session keeps; in Fernet's form.
	SessionTokenKey pulumi.StringInput
	// GatewayKey encrypts the API keys that people store in MLflow; GatewayKeyNumber is
	// what MLflow writes beside what is encrypted with it, 1 for the first.
	GatewayKey       pulumi.StringInput
	GatewayKeyNumber int
	// Keys are those of secrets that MLflow stores, with the values that they had before.
	Keys []Key
	// OwnProvider is that of package pluginprovider. It makes
	// MLflow's stored secrets readable with the keys of now.
	OwnProvider pulumi.ProviderResource
	// Gateway and Webhooks turn on what calls other hosts; nil keeps it off.
	Gateway  *Gateway
	Webhooks *Webhooks
	// Protect refuses to delete the artifacts.
	Protect bool
}

// Validate reports every mistake in the arguments at once. What only the
// container needs is checked there.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Edge != nil, "Edge is missing, want the edge network")
	onData := a.Backend.Managed() || a.Auth.Managed() || a.Cache.Managed()
	m.Require((a.Data != nil) == onData, "Data is there: %t, want it exactly where a database or the cache is the stack's: %t", a.Data != nil, onData)
	m.Require(a.Port > 0, "Port is %d, want where to publish", a.Port)
	m.Require(!a.Public.IsZero(), "Public is missing, want what a browser sees")
	m.Require(a.Public.TLS() == a.EdgeAddress.IsValid(), "Public is %q and EdgeAddress %q, want https with an edge and plain http without", a.Public, a.EdgeAddress)
	m.Require(a.Workers > 0, "Workers is %d, want more than 0", a.Workers)
	m.Require(slices.Contains(Permissions(), a.DefaultPermission), "DefaultPermission is %q, want one of %s",
		a.DefaultPermission, strings.Join(Permissions(), ", "))
	if err := CheckContact(a.Contact); err != nil {
		m.Require(false, "Contact is %q, %v", a.Contact, err)
	}
	m.Require(!a.Backend.IsZero(), "Backend is missing, want a database")
	m.Require(!a.Auth.IsZero(), "Auth is missing, want a database")
	m.Require(a.Backend.Name != a.Auth.Name, "Backend and Auth are both %q, want two databases: each has its own migrations", a.Auth.Name)
	m.Require(!a.Cache.IsZero(), "Cache is missing, want a cache")
	m.Require(!a.OIDC.IsZero(), "OIDC is missing, want a client")
	m.Require(a.OIDC.AdminGroup != a.OIDC.UserGroup, "OIDC has %q for both groups, want two: every member would be an administrator", a.OIDC.UserGroup)
	m.Require(a.SessionKey != nil && a.SessionTokenKey != nil && a.GatewayKey != nil,
		"SessionKey, SessionTokenKey or GatewayKey is missing, want all three")
	m.Require(a.GatewayKeyNumber > 0, "GatewayKeyNumber is %d, want 1 or more", a.GatewayKeyNumber)
	m.Require(len(a.Keys) > 0, "Keys is empty, want that of the stored API keys at least")
	m.Require(a.OwnProvider != nil, "OwnProvider is missing, want the project's own one")
	a.checkOutgoing(&m)
	return m.Err(a.container().Validate())
}

// Server is the tracking server.
type Server struct {
	pulumi.ResourceState

	// Container is the name of the container, Name the same for whom need not wait for it.
	Container pulumi.StringOutput
	Name      string
	// Public is what a browser sees.
	Public address.Public
	// Artifacts is the name of the volume with the artifacts; nil if they are in a bucket.
	Artifacts pulumi.StringInput
	// Volume is that volume.
	Volume *hostvolume.Volume
	// Ready is there when the server answers.
	Ready pulumi.Resource
}

// New makes the server. With an error from args nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Server, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("mlflow %q: %w", name, err)
	}
	s := &Server{Public: args.Public}
	if err := ctx.RegisterComponentResource(TypeToken, name, s, opts...); err != nil {
		return nil, fmt.Errorf("mlflow %q: %w", name, err)
	}
	spec := args.container()
	spec.Env = args.environment() // not in container: Validate has no database or cache to take it from
	if args.Artifacts.IsZero() {
		artifacts, err := container.NewVolume(ctx, name+"-artifacts", &container.VolumeArgs{
			Deployment: args.Deployment, Component: "mlflow", Data: "mlflow-artifacts", Protect: args.Protect,
		}, s)
		if err != nil {
			return nil, fmt.Errorf("mlflow %q: %w", name, err)
		}
		spec.Volumes = map[string]pulumi.StringInput{artifactPath: artifacts.Name}
		s.Artifacts, s.Volume = artifacts.Name, &artifacts
	}
	// Not on the realm: the plugin reads about the issuer at the first login, not at start.
	made, err := container.New(ctx, name+"-container", spec, s,
		container.After(args.Backend.Ready, args.Auth.Ready, args.Cache.Ready))
	if err != nil {
		return nil, fmt.Errorf("mlflow %q: %w", name, err)
	}
	s.Container, s.Name, s.Ready = made.Name, spec.Name(), made
	if err := s.encryptionKeys(ctx, name, args); err != nil {
		return nil, fmt.Errorf("mlflow %q: %w", name, err)
	}
	if err := ctx.RegisterResourceOutputs(s, pulumi.Map{
		"container": s.Container, "public": pulumi.String(s.Public.String()),
	}); err != nil {
		return nil, fmt.Errorf("mlflow %q: %w", name, err)
	}
	return s, nil
}

func (a *Args) container() *container.Args {
	var publish []container.Port
	if !a.EdgeAddress.IsValid() {
		publish = []container.Port{{Host: a.Port, Container: port}}
	}
	networks := []pulumi.StringInput{a.Edge}
	if a.Data != nil {
		networks = []pulumi.StringInput{a.Data, a.Edge}
	}
	return &container.Args{
		Deployment:   a.Deployment,
		Component:    Internal().Host,
		Image:        a.Image,
		Networks:     networks,
		Publish:      publish,
		MemoryMB:     a.MemoryMB,
		Tmpfs:        map[string]string{"/tmp": "size=1024m"},
		Restart:      a.Restart,
		StartSeconds: 300,
		StopSeconds:  30,
	}
}
