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

// Paths of the plugin to which Keycloak redirects a browser.
const (
	RedirectPath = "/callback"
	LogoutPath   = "/oidc/ui/auth"
)

const (
	port         = 5000
	artifactPath = "/mlflow/artifacts"
)

// Internal returns the server's address on the network. It is known before the server exists,
// since the edge starts first.
func Internal() address.Internal { return address.Internal{Host: "mlflow", Port: port} }

// Permissions are all permissions of the plugin.
func Permissions() []string { return []string{"READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS"} }

// Args are the arguments of the MLflow server.
type Args struct {
	// Deployment is the prefix of the container's and the volume's name.
	Deployment string
	// Image implements the contract of images/mlflow.
	Image pulumi.StringInput
	// Edge and Data are the names of the two networks. Data is nil if databases and cache are
	// external.
	Edge, Data pulumi.StringInput
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// Port is the server's published port on 127.0.0.1 of the host, unless there is an edge.
	Port int
	// EdgeAddress is the address of the edge, which terminates TLS: the only trusted proxy. The
	// zero value publishes the server itself.
	EdgeAddress netip.Addr
	// Public is the public URL.
	Public address.Public
	// Workers is the number of server processes.
	Workers int
	// DefaultPermission is a member's permission without a grant.
	DefaultPermission string
	// Contact is shown to a refused user: an e-mail address or an https URL; empty for none.
	Contact string
	// Backend stores runs and models, Auth stores users, permissions and sessions.
	Backend, Auth postgres.Database
	// Cache stores permissions for a short time.
	Cache redis.Endpoint
	// Artifacts is the artifact store; the zero value uses a volume.
	Artifacts objectstore.Bucket
	// OIDC is the login configuration.
	OIDC realm.OIDCClient
	// SessionKey signs session cookies.
	SessionKey pulumi.StringInput
	// SessionTokenKey encrypts the tokens in a session, in Fernet's format.
	SessionTokenKey pulumi.StringInput
	// GatewayKey encrypts the API keys that users store in MLflow; GatewayKeyNumber is the
	// version that MLflow stores next to the encrypted value, 1 for the first.
	GatewayKey       pulumi.StringInput
	GatewayKeyNumber int
	// Keys are those of secrets that MLflow stores, with their previous values.
	Keys []Key
	// OwnProvider is the provider of package pluginprovider. It re-encrypts
	// MLflow's stored secrets with the current keys.
	OwnProvider pulumi.ProviderResource
	// Gateway and Webhooks enable features that call other hosts; nil disables them.
	Gateway  *Gateway
	Webhooks *Webhooks
	// Protect prevents the deletion of the artifacts.
	Protect bool
}

// Validate reports every mistake in the arguments at once. It leaves what concerns the container
// alone to package container.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Edge != nil, "Edge is missing, want the edge network")
	onData := a.Backend.Managed() || a.Auth.Managed() || a.Cache.Managed()
	m.Require((a.Data != nil) == onData, "Data is set: %t, want it exactly if a database or the cache is the stack's: %t", a.Data != nil, onData)
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

// Server is the MLflow server.
type Server struct {
	pulumi.ResourceState

	// Container is the name of the container; Name is the same without waiting for the container.
	Container pulumi.StringOutput
	Name      string
	// Public is the public URL.
	Public address.Public
	// Artifacts is the name of the volume with the artifacts; nil if they are in a bucket.
	Artifacts pulumi.StringInput
	// Volume is that volume.
	Volume *hostvolume.Volume
	// Ready resolves when the server responds.
	Ready pulumi.Resource
}

// New creates the server. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Server, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("mlflow %q: %w", name, err)
	}
	s := &Server{Public: args.Public}
	if err := ctx.RegisterComponentResource(TypeToken, name, s, opts...); err != nil {
		return nil, fmt.Errorf("mlflow %q: %w", name, err)
	}
	spec := args.container()
	spec.Env = args.environment() // package container cannot check this: it does not know the database and the cache
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
	// It does not wait for the realm: the plugin loads the issuer's metadata at the first login,
	// not at startup.
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
