// Package postgres creates the database server of a stack, with one database and one role
// per service.
//
// The container is the source of truth for passwords: its entrypoint sets every
// role's password at every start, before it listens. So a rotated password
// cannot differ between the server and a client, and no client sees the server
// with the old one. The server is reached on the data network only, publishes
// nothing, and keeps its data in a volume that outlives the container.
//
// No statement ends the server: its image derives a budget from the container's memory,
// limits each process and all of them together, and bounds each role's sessions. A
// statement that wants more fails alone.
//
// An external server is [External]: it returns the same [Database] and creates nothing.
package postgres

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:postgres:Server"

const (
	port = 5432
	home = "/var/lib/postgresql"
	// reader is the role that reads all databases.
	reader = "backup"
)

// namePattern excludes names that need quoting, or an environment variable with a different
// spelling, in the entrypoint.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Args are the arguments of the database server.
type Args struct {
	// Deployment is the prefix of the container's and the volume's name.
	Deployment string
	// Image implements the contract of images/postgres.
	Image pulumi.StringInput
	// Network is the name of the data network.
	Network pulumi.StringInput
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int
	// Restart is Docker's restart policy.
	Restart string
	// Superuser is the password of the role postgres.
	Superuser pulumi.StringInput
	// Databases maps the name of each database, which is also its role's, to the role's password.
	Databases map[string]pulumi.StringInput
	// Reader is the password of the role that reads all databases; nil if there is none.
	Reader pulumi.StringInput
	// Protect prevents the deletion of the data.
	Protect bool
}

// Validate reports every mistake in the arguments at once. It leaves what concerns the container
// alone to package container.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Network != nil, "Network is missing, want the data network")
	m.Require(a.Superuser != nil, "Superuser is missing, want a password")
	m.Require(len(a.Databases) > 0, "Databases is empty, want at least one")
	for _, name := range slices.Sorted(maps.Keys(a.Databases)) {
		m.Require(namePattern.MatchString(name), "Databases has %q, want lower-case letters, digits and underscores", name)
		m.Require(a.Databases[name] != nil, "Databases[%s] has no password, want one", name)
	}
	return m.Err(a.container().Validate())
}

// Database is a service's connection to its database.
type Database struct {
	// Address is the server's address: on the data network, or external.
	Address address.Server
	// Name is the name of the database and of the role that owns it.
	Name string
	// Reader is the role to log in as instead of the owner; empty for the owner.
	Reader string
	// Password is the role's.
	Password pulumi.StringOutput
	// Parameters are a client's connection options in the form of a URL query. libpq and the JDBC
	// driver have the same ones. Empty on the data network.
	Parameters string
	// Ready resolves when the database accepts connections; nil for an external server, which
	// exists before the stack.
	Ready pulumi.Resource
}

// IsZero reports whether there is no database.
func (d Database) IsZero() bool { return d.Name == "" || d.Address.IsZero() }

// Managed reports whether the server is the stack's, on the data network.
func (d Database) Managed() bool { return d.Ready != nil }

// Role returns the role that logs in.
func (d Database) Role() string {
	if d.Reader != "" {
		return d.Reader
	}
	return d.Name
}

// URI returns the connection string for SQLAlchemy, a secret.
func (d Database) URI() pulumi.StringOutput {
	return d.Password.ApplyT(func(password string) string {
		return uri(d.Address, d.Name, password, d.Parameters)
	}).(pulumi.StringOutput)
}

func uri(at address.Server, name, password, parameters string) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(name, password), Host: at.String(), Path: name, RawQuery: parameters}
	return u.String()
}

// Server is the database server.
type Server struct {
	pulumi.ResourceState

	// Container is the name of the container.
	Container pulumi.StringOutput
	// Volume contains the data.
	Volume hostvolume.Volume
	// Databases are the databases by name.
	Databases map[string]Database
	// Read are the same for a read-only role; empty if there is none.
	Read map[string]Database
}

// New creates the server. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Server, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("postgres %q: %w", name, err)
	}
	s := &Server{Databases: map[string]Database{}, Read: map[string]Database{}}
	if err := ctx.RegisterComponentResource(TypeToken, name, s, opts...); err != nil {
		return nil, fmt.Errorf("postgres %q: %w", name, err)
	}
	data, err := container.NewVolume(ctx, name+"-data", &container.VolumeArgs{
		Deployment: args.Deployment, Component: "postgres", Data: "postgres-data", Protect: args.Protect,
	}, s)
	if err != nil {
		return nil, fmt.Errorf("postgres %q: %w", name, err)
	}
	spec := args.container()
	spec.Volumes = map[string]pulumi.StringInput{home: data.Name}
	made, err := container.New(ctx, name+"-container", spec, s)
	if err != nil {
		return nil, fmt.Errorf("postgres %q: %w", name, err)
	}
	s.Container, s.Volume = made.Name, data
	for database, password := range args.Databases {
		s.Databases[database] = Database{
			Address:  address.Server{Host: spec.Component, Port: port},
			Name:     database,
			Password: pulumi.ToSecret(password).(pulumi.StringOutput),
			Ready:    made,
		}
		if args.Reader != nil {
			read := s.Databases[database]
			read.Reader, read.Password = reader, pulumi.ToSecret(args.Reader).(pulumi.StringOutput)
			s.Read[database] = read
		}
	}
	if err := ctx.RegisterResourceOutputs(s, pulumi.Map{"container": s.Container}); err != nil {
		return nil, fmt.Errorf("postgres %q: %w", name, err)
	}
	return s, nil
}

func (a *Args) container() *container.Args {
	names := slices.Sorted(maps.Keys(a.Databases))
	env := map[string]pulumi.StringInput{
		"POSTGRES_SUPERUSER_PASSWORD": a.Superuser,
		"POSTGRES_DATABASES":          pulumi.String(strings.Join(names, " ")),
		"POSTGRES_MEMORY_MB":          pulumi.String(strconv.Itoa(a.MemoryMB)),
	}
	if a.Reader != nil {
		env["POSTGRES_BACKUP_PASSWORD"] = a.Reader
	}
	for _, name := range names {
		env["POSTGRES_PASSWORD_"+strings.ToUpper(name)] = a.Databases[name]
	}
	return &container.Args{
		Deployment:   a.Deployment,
		Component:    "postgres",
		Image:        a.Image,
		Env:          env,
		Networks:     []pulumi.StringInput{a.Network},
		MemoryMB:     a.MemoryMB,
		Tmpfs:        map[string]string{"/tmp": "size=64m"},
		Restart:      a.Restart,
		StartSeconds: 120,
		// A fast shutdown writes a checkpoint first.
		StopSeconds: 60,
	}
}
