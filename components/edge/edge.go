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

// Paths and ports inside the container.
const (
	httpPort  = 8080
	adminPort = 8081
	httpsPort = 8443
	dataPath  = "/var/lib/edge"
)

// AuthorityPath is the path of the internal authority's root certificate in the container.
const AuthorityPath = dataPath + "/pki/authorities/local/root.crt"

// Args are the arguments of the edge.
type Args struct {
	// Deployment is the prefix of the container's and the volume's name.
	Deployment string
	// Image implements the contract of images/edge.
	Image pulumi.StringInput
	// Network is the name of the edge network, Address the edge's fixed address on it.
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
	// MLflow and Keycloak are the public URLs, MLflowAt and KeycloakAt the addresses on the
	// network.
	MLflow, Keycloak     address.Public
	MLflowAt, KeycloakAt address.Internal
	// Admin is Keycloak's admin API. The edge starts after it, since users of a ready edge need
	// it.
	Admin keycloak.Admin
	// Realm is the only realm that the edge serves publicly.
	Realm string
	// Certificates configures TLS.
	Certificates Certificates
	// MaxRequestMB is the maximum size of an uploaded artifact, in MiB.
	MaxRequestMB int
	// LoginsPerMinute and RequestsPerSecond are rate limits for one client address.
	LoginsPerMinute, RequestsPerSecond int
	// Protect prevents the deletion of the certificates.
	Protect bool
}

// Validate reports every mistake in the arguments at once. It leaves what concerns the container
// alone to package container.
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

// Server is the edge container.
type Server struct {
	pulumi.ResourceState

	// Container is the name of the container.
	Container pulumi.StringOutput
	// HTTPS is the address of the edge on this host, whatever the public names resolve to.
	HTTPS netip.AddrPort
	// Ready resolves when the edge responds.
	Ready pulumi.Resource
}

// New creates the edge. If args are invalid, nothing is registered.
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

// https returns an address that this host can connect to.
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
		// A login requests the form, submits it, and submits it again after a typing error.
		"EDGE_FORMS_PER_MINUTE": pulumi.String(strconv.Itoa(3 * a.LoginsPerMinute)),
		// A longer window, so that a short burst is allowed.
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
		// The grace period for open downloads.
		StopSeconds: 30,
	}
}
