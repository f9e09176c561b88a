// Package keycloak creates the Keycloak server.
//
// It serves browsers at its public address and MLflow at its internal one: the issuer and
// the pages that a browser opens have the public address, the endpoints that a service
// calls have the address of the request. Its data is in Postgres; its container stores
// nothing.
//
// At the first start on an empty database it creates a service account for this program in
// realm master and, if configured, a permanent administrator for the admin console. Later
// starts leave both unchanged.
package keycloak

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
	"github.com/mlflow-sso/mlflow-sso/components/postgres"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:keycloak:Server"

const (
	port = 8080
	// ProviderClientID is the ID of the service account that this program uses.
	ProviderClientID = "mlflow-sso"
)

// How the server starts.
const (
	// Production is `start --optimized`.
	Production = "production"
	// Development is `start-dev`: Keycloak's profile dev, which does not cache themes.
	Development = "development"
)

// StartModes are all start modes.
func StartModes() []string { return []string{Production, Development} }

// Args are the arguments of the Keycloak server.
type Args struct {
	// Deployment is the prefix of the container's name.
	Deployment string
	// Image implements the contract of images/keycloak.
	Image pulumi.StringInput
	// Edge and Data are the names of the two networks. Data is nil if the database is external.
	Edge, Data pulumi.StringInput
	// MemoryMB limits the container's memory, in MiB. Java sizes its heap by it.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// StartMode is one of StartModes.
	StartMode string
	// Port is the server's port on 127.0.0.1 of the host: published, or forwarded by the edge if
	// there is one.
	Port int
	// EdgeAddress is the address of the edge, which terminates TLS: the only trusted proxy. The
	// zero value publishes the server itself.
	EdgeAddress netip.Addr
	// Public is the public URL.
	Public address.Public
	// Database stores everything.
	Database postgres.Database
	// AdminPassword is the permanent administrator's; nil if there is none.
	AdminPassword pulumi.StringInput
	// ProviderSecret is the secret of the service account that this program uses.
	ProviderSecret pulumi.StringInput
}

// Validate reports every mistake in the arguments at once. It leaves what concerns the container
// alone to package container.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Edge != nil, "Edge is missing, want the edge network")
	m.Require((a.Data != nil) == a.Database.Managed(), "Data is set: %t, want it exactly if the database is the stack's: %t", a.Data != nil, a.Database.Managed())
	m.Require(slices.Contains(StartModes(), a.StartMode), "StartMode is %q, want one of %s", a.StartMode, strings.Join(StartModes(), ", "))
	m.Require(a.StartMode != Development || a.Public.Loopback(), "StartMode is %q and Public %q, want an address on localhost", a.StartMode, a.Public)
	m.Require(a.Port > 0, "Port is 0, want where to publish")
	m.Require(!a.Public.IsZero(), "Public is missing, want what a browser sees")
	m.Require(a.Public.TLS() == a.EdgeAddress.IsValid(), "Public is %q and EdgeAddress %q, want https with an edge and plain http without", a.Public, a.EdgeAddress)
	m.Require(!a.Database.IsZero(), "Database is missing, want a database")
	m.Require(a.ProviderSecret != nil, "ProviderSecret is missing, want a secret")
	return m.Err(a.container().Validate())
}

// Admin is the connection for managing objects inside Keycloak.
type Admin struct {
	// URL is the address of the admin API on this host.
	URL string
	// ClientID and Secret are of a service account in realm master.
	ClientID string
	Secret   pulumi.StringOutput
	// Server is the container, whose deletion removes all objects inside.
	Server pulumi.Resource
	// Ready resolves when the API responds.
	Ready pulumi.Resource
}

// IsZero reports whether there is no connection.
func (a Admin) IsZero() bool { return a.Ready == nil || a.Server == nil || a.URL == "" }

// WithReady returns the same connection for an API that responds only once the edge is ready.
func (a Admin) WithReady(edge pulumi.Resource) Admin {
	a.Ready = edge
	return a
}

// Server is the Keycloak server.
type Server struct {
	pulumi.ResourceState

	// Container is the name of the container.
	Container pulumi.StringOutput
	// Public is the public URL, Internal the one for services on the network.
	Public   address.Public
	Internal address.Internal
	// Admin is the connection to manage it.
	Admin Admin
	// PermanentAdmin may open the admin console at any time.
	PermanentAdmin PermanentAdmin
}

// New creates the server. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Server, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("keycloak %q: %w", name, err)
	}
	s := &Server{Public: args.Public}
	if err := ctx.RegisterComponentResource(TypeToken, name, s, opts...); err != nil {
		return nil, fmt.Errorf("keycloak %q: %w", name, err)
	}
	spec := args.container()
	made, err := container.New(ctx, name+"-container", spec, s, container.After(args.Database.Ready))
	if err != nil {
		return nil, fmt.Errorf("keycloak %q: %w", name, err)
	}
	s.Container = made.Name
	s.Internal = address.Internal{Host: spec.Component, Port: port}
	s.PermanentAdmin = args.permanentAdmin()
	s.Admin = Admin{
		URL:      args.adminURL(),
		ClientID: ProviderClientID,
		Secret:   pulumi.ToSecret(args.ProviderSecret).(pulumi.StringOutput),
		Server:   made,
		Ready:    made,
	}
	if err := ctx.RegisterResourceOutputs(s, pulumi.Map{
		"container": s.Container, "public": pulumi.String(s.Public.String()), "internal": pulumi.String(s.Internal.String()),
	}); err != nil {
		return nil, fmt.Errorf("keycloak %q: %w", name, err)
	}
	return s, nil
}

func (a *Args) adminURL() string { return "http://127.0.0.1:" + strconv.Itoa(a.Port) }

func (a *Args) container() *container.Args {
	env := map[string]pulumi.StringInput{
		"KEYCLOAK_START_MODE": pulumi.String(a.StartMode),

		"KC_DB_URL_HOST":     pulumi.String(a.Database.Address.Host),
		"KC_DB_URL_PORT":     pulumi.String(strconv.Itoa(a.Database.Address.Port)),
		"KC_DB_URL_DATABASE": pulumi.String(a.Database.Name),
		"KC_DB_USERNAME":     pulumi.String(a.Database.Name),
		"KC_DB_PASSWORD":     a.Database.Password,
		// The default of 100 would take all connections of the database server.
		"KC_DB_POOL_MAX_SIZE": pulumi.String("20"),
		// Queued requests cost memory; the default queue is unbounded.
		"KC_HTTP_MAX_QUEUED_REQUESTS": pulumi.String("1000"),
		// A full URL including the port: otherwise Keycloak refuses the next setting.
		"KC_HOSTNAME": pulumi.String(a.Public.String()),
		// A service gets endpoints at the address of its request, not the browser's.
		"KC_HOSTNAME_BACKCHANNEL_DYNAMIC": pulumi.String("true"),
		// TLS ends at the edge; traffic on the private network is plain.
		"KC_HTTP_ENABLED":                  pulumi.String("true"),
		"KC_BOOTSTRAP_ADMIN_CLIENT_ID":     pulumi.String(ProviderClientID),
		"KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": a.ProviderSecret,
	}
	a.bootstrapPermanentAdmin(env)
	if a.Database.Parameters != "" {
		env["KC_DB_URL_PROPERTIES"] = pulumi.String("?" + a.Database.Parameters)
	}
	networks := []pulumi.StringInput{a.Edge}
	if a.Data != nil {
		networks = []pulumi.StringInput{a.Data, a.Edge}
	}
	var publish []container.Port
	if a.EdgeAddress.IsValid() {
		// Without the headers Keycloak refuses every form as forged.
		env["KC_PROXY_HEADERS"] = pulumi.String("xforwarded")
		env["KC_PROXY_TRUSTED_ADDRESSES"] = pulumi.String(a.EdgeAddress.String())
		// The public name does not serve the console.
		env["KC_HOSTNAME_ADMIN"] = pulumi.String(a.adminURL())
	} else {
		publish = []container.Port{{Host: a.Port, Container: port}}
	}
	return &container.Args{
		Deployment: a.Deployment,
		Component:  "keycloak",
		Image:      a.Image,
		Env:        env,
		Networks:   networks,
		Publish:    publish,
		MemoryMB:   a.MemoryMB,
		Tmpfs:      map[string]string{"/tmp": "size=256m"},
		Restart:    a.Restart,
		// The first start creates the schema, which takes minutes on a busy machine.
		StartSeconds: 300,
		// Keycloak gives requests in progress 10 s.
		StopSeconds: 30,
	}
}
