// Package redis creates the cache that MLflow's workers share.
//
// The server is reached on the data network only, with a password, and publishes no port.
// It stores nothing on disk: all of it can be recomputed, and a cache that survives a
// restart would preserve a revoked permission.
//
// An external server is [External]: it returns the same [Endpoint] and creates nothing.
package redis

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:redis:Server"

const port = 6379

// Args are the arguments of the cache server.
type Args struct {
	// Deployment is the prefix of the container's name.
	Deployment string
	// Image implements the contract of images/redis.
	Image pulumi.StringInput
	// Network is the name of the data network.
	Network pulumi.StringInput
	// MemoryMB limits the container's memory, in MiB; the cache uses half.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// Password is the password for clients.
	Password pulumi.StringInput
}

// Validate reports every mistake in the arguments at once. It leaves what concerns the container
// alone to package container.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Network != nil, "Network is missing, want the data network")
	m.Require(a.Password != nil, "Password is missing, want a password")
	return m.Err(a.container().Validate())
}

// Endpoint is a service's connection to the cache.
type Endpoint struct {
	// Address is the server's address: on the data network, or external.
	Address address.Server
	// Password is the password for clients.
	Password pulumi.StringOutput
	// Prefix is the prefix of every key on a shared server. If it is empty, a client uses its
	// own.
	Prefix string
	// Ready resolves when the server accepts connections; nil for an external server, which
	// exists before the stack.
	Ready pulumi.Resource
}

// IsZero reports whether there is no cache.
func (e Endpoint) IsZero() bool { return e.Address.IsZero() }

// Managed reports whether the server is the stack's, on the data network.
func (e Endpoint) Managed() bool { return e.Ready != nil }

// URL returns the address in redis-py's format, a secret.
func (e Endpoint) URL() pulumi.StringOutput {
	return e.Password.ApplyT(func(password string) string { return location(e.Address, password) }).(pulumi.StringOutput)
}

// location contains timeouts, in seconds, after which MLflow continues without a stalled cache.
// By default the client does not verify the host name in the certificate.
func location(at address.Server, password string) string {
	u := url.URL{
		Scheme: "redis", User: url.UserPassword("", password), Host: at.String(), Path: "/0",
		RawQuery: "socket_timeout=2&socket_connect_timeout=2",
	}
	if at.TLS {
		u.Scheme = "rediss"
		u.RawQuery += "&ssl_cert_reqs=required&ssl_check_hostname=true&ssl_ca_certs=" + address.Authorities
	}
	return u.String()
}

// Server is the cache server.
type Server struct {
	pulumi.ResourceState

	// Container is the name of the container.
	Container pulumi.StringOutput
	// Endpoint is the connection to it.
	Endpoint Endpoint
}

// New creates the server. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Server, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("redis %q: %w", name, err)
	}
	s := &Server{}
	if err := ctx.RegisterComponentResource(TypeToken, name, s, opts...); err != nil {
		return nil, fmt.Errorf("redis %q: %w", name, err)
	}
	spec := args.container()
	made, err := container.New(ctx, name+"-container", spec, s)
	if err != nil {
		return nil, fmt.Errorf("redis %q: %w", name, err)
	}
	s.Container = made.Name
	s.Endpoint = Endpoint{
		Address:  address.Server{Host: spec.Component, Port: port},
		Password: pulumi.ToSecret(args.Password).(pulumi.StringOutput),
		Ready:    made,
	}
	if err := ctx.RegisterResourceOutputs(s, pulumi.Map{"container": s.Container}); err != nil {
		return nil, fmt.Errorf("redis %q: %w", name, err)
	}
	return s, nil
}

func (a *Args) container() *container.Args {
	return &container.Args{
		Deployment: a.Deployment,
		Component:  "redis",
		Image:      a.Image,
		Env: map[string]pulumi.StringInput{
			"REDIS_PASSWORD":     a.Password,
			"REDIS_MAXMEMORY_MB": pulumi.String(strconv.Itoa(a.MemoryMB / 2)),
		},
		Networks:     []pulumi.StringInput{a.Network},
		MemoryMB:     a.MemoryMB,
		Tmpfs:        map[string]string{"/tmp": "size=16m"},
		Restart:      a.Restart,
		StartSeconds: 60,
		StopSeconds:  10,
	}
}
