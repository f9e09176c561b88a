// Package edge creates the reverse proxy in front of MLflow and Keycloak, the only
// container that other machines reach.
//
// It terminates TLS for both public names and forwards what images/edge/Caddyfile allows;
// it refuses everything else. Services trust forwarded headers from the edge only: it has
// a fixed address on the network, one value that both sides get. Keycloak's admin console
// and API are behind a third port, on 127.0.0.1 of the host.
//
// Its certificates are in a volume, so that a new container continues with them: an
// internal authority whose root users trust once, and the account and certificates of an
// ACME authority with weekly limits.
package edge

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:edge:Server"

// Inside the container.
const (
	httpPort  = 8080
	adminPort = 8081
	httpsPort = 8443
	dataPath  = "/var/lib/edge"
)

// AuthorityPath is where the container keeps the root certificate of its internal
// authority.
const AuthorityPath = dataPath + "/pki/authorities/local/root.crt"

// Args say what the edge serves, to whom and how.
type Args struct {
	// Deployment is the prefix of the container's and the volume's name.
	Deployment string
	// Image keeps the contract of images/edge.
	Image pulumi.StringInput
	// Network is the name of the edge network, Address the edge's own on it.
	Network pulumi.StringInput
	Address netip.Addr
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// Listen is the address of the host that HTTPPort and HTTPSPort are published on.
	Listen              netip.Addr
	HTTPPort, HTTPSPort int
	// AdminPort leads to Keycloak's admin console and API, on 127.0.0.1 of the host.
	AdminPort int
	// MLflow and Keycloak are what a browser sees, MLflowAt and KeycloakAt where
	// they answer on the network.
	MLflow, Keycloak     address.Public
	MLflowAt, KeycloakAt address.Internal
	// Admin is Keycloak's admin API. The edge comes after it, since who finds the edge
	// ready uses that.
	Admin keycloak.Admin
	// Realm is the only realm that the public sees.
	Realm string
	// Certificates are what the edge shows.
	Certificates Certificates
	// MaxRequestMB is the largest artifact that is taken, in MiB.
	MaxRequestMB int
	// LoginsPerMinute and RequestsPerSecond bound what one client address may do.
	LoginsPerMinute, RequestsPerSecond int
	// Protect refuses to delete the certificates.
	Protect bool
}

// Validate reports every mistake in the arguments at once. What only the
// container needs is checked there.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Network != nil && a.Address.IsValid(), "Network or Address is missing, want the edge network and an address on it")
	m.Require(a.Listen.IsValid(), "Listen is missing, want an address of the host")
	m.Require(a.HTTPPort > 0 && a.HTTPSPort > 0 && a.AdminPort > 0, "HTTPPort, HTTPSPort or AdminPort is 0, want where to publish")
	m.Require(a.HTTPPort != a.HTTPSPort && a.HTTPPort != a.AdminPort && a.HTTPSPort != a.AdminPort,
		"HTTPPort %d, HTTPSPort %d and AdminPort %d, want three ports", a.HTTPPort, a.HTTPSPort, a.AdminPort)
	m.Require(a.MLflow.TLS() && a.Keycloak.TLS(), "MLflow is %q and Keycloak %q, want https", a.MLflow, a.Keycloak)
	m.Require(a.MLflow.Name() != a.Keycloak.Name(), "MLflow and Keycloak are both %q, want two names", a.MLflow.Name())
	m.Require(!a.MLflowAt.IsZero() && !a.KeycloakAt.IsZero(), "MLflowAt or KeycloakAt is missing, want both addresses on the network")
	m.Require(!a.Admin.IsZero(), "Admin is missing, want access to Keycloak")
	m.Require(a.Realm != "", `Realm is "", want a name`)
	m.Require(a.MaxRequestMB > 0, "MaxRequestMB is %d, want more than 0", a.MaxRequestMB)
	m.Require(a.LoginsPerMinute > 0 && a.RequestsPerSecond > 0, "LoginsPerMinute is %d and RequestsPerSecond %d, want more than 0",
		a.LoginsPerMinute, a.RequestsPerSecond)
	return m.Err(a.Certificates.Validate(), a.container().Validate())
}

// Server is the edge.
type Server struct {
	pulumi.ResourceState

	// Container is the name of the container.
	Container pulumi.StringOutput
	// HTTPS is where the edge answers on this host, whatever the public names lead to.
	HTTPS netip.AddrPort
	// Ready is there when the edge answers.
	Ready pulumi.Resource
}

// New makes the edge. With an error from args nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Server, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("edge %q: %w", name, err)
	}
	s := &Server{HTTPS: args.https()}
	if err := ctx.RegisterComponentResource(TypeToken, name, s, opts...); err != nil {
		return nil, fmt.Errorf("edge %q: %w", name, err)
	}
	certificates, err := container.NewVolume(ctx, name+"-certificates", &container.VolumeArgs{
		Deployment: args.Deployment, Component: "edge", Data: "edge-certificates", Protect: args.Protect,
	}, s)
	if err != nil {
		return nil, fmt.Errorf("edge %q: %w", name, err)
	}
	spec := args.container()
	spec.Volumes = map[string]pulumi.StringInput{dataPath: certificates.Name}
	made, err := container.New(ctx, name+"-container", spec, s, pulumi.DependsOn([]pulumi.Resource{args.Admin.Ready}))
	if err != nil {
		return nil, fmt.Errorf("edge %q: %w", name, err)
	}
	s.Container, s.Ready = made.Name, made
	if err := ctx.RegisterResourceOutputs(s, pulumi.Map{
		"container": s.Container, "https": pulumi.String(s.HTTPS.String()),
	}); err != nil {
		return nil, fmt.Errorf("edge %q: %w", name, err)
	}
	return s, nil
}

// https is an address that this host can connect to.
func (a *Args) https() netip.AddrPort {
	host := a.Listen
	if host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(host, uint16(a.HTTPSPort))
}

func (a *Args) container() *container.Args {
	env := map[string]pulumi.StringInput{
		"EDGE_NAME":               pulumi.String(a.Deployment),
		"EDGE_MLFLOW_HOST":        pulumi.String(a.MLflow.Name()),
		"EDGE_MLFLOW_AUTHORITY":   pulumi.String(a.MLflow.Host()),
		"EDGE_MLFLOW":             pulumi.String(a.MLflowAt.String()),
		"EDGE_KEYCLOAK_HOST":      pulumi.String(a.Keycloak.Name()),
		"EDGE_KEYCLOAK_AUTHORITY": pulumi.String(a.Keycloak.Host()),
		"EDGE_KEYCLOAK":           pulumi.String(a.KeycloakAt.String()),
		"EDGE_REALM":              pulumi.String(a.Realm),
		"EDGE_MAX_REQUEST_MB":     pulumi.String(strconv.Itoa(a.MaxRequestMB)),
		"EDGE_LOGINS_PER_MINUTE":  pulumi.String(strconv.Itoa(a.LoginsPerMinute)),
		// A login is a form that is shown and sent, and sent again after a slip.
		"EDGE_FORMS_PER_MINUTE": pulumi.String(strconv.Itoa(3 * a.LoginsPerMinute)),
		// Over a longer while, so that a burst is no offence.
		"EDGE_REQUESTS_PER_SECOND": pulumi.String(strconv.Itoa(a.RequestsPerSecond)),
	}
	a.Certificates.addTo(env)
	return &container.Args{
		Deployment: a.Deployment,
		Component:  "edge",
		Image:      a.Image,
		Env:        env,
		Networks:   []pulumi.StringInput{a.Network},
		Address:    a.Address,
		Publish: []container.Port{
			{Address: a.Listen, Host: a.HTTPPort, Container: httpPort},
			{Address: a.Listen, Host: a.HTTPSPort, Container: httpsPort},
			{Host: a.AdminPort, Container: adminPort},
		},
		MemoryMB:     a.MemoryMB,
		Tmpfs:        map[string]string{"/tmp": "size=16m"},
		Restart:      a.Restart,
		StartSeconds: 60,
		// Open downloads are given this long.
		StopSeconds: 30,
	}
}
