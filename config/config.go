// Package config holds every setting of a stack, typed and checked.
//
// The settings are loaded once, by [Load], which reports every mistake at once:
// each with its full key, the value got and the value wanted. Nothing else in
// the program reads Pulumi's configuration, and nothing asks for the stack's
// name: two stacks differ in their settings alone.
//
// Defaults are those of a cheap stack for development on one machine.
package config

import (
	"net/netip"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// Namespace is the project's name, the part of a key before the colon.
const Namespace = "mlflow-sso"

// Config is every setting of a stack. Each field's json tag is its key in the
// stack file.
type Config struct {
	// Name is the prefix of every container, network, volume and image name.
	// Two stacks on one host need two names.
	Name string `json:"name"`
	// ProtectData refuses to delete the data volumes and the root secret.
	ProtectData bool `json:"protectData"`
	// RestartPolicy is Docker's: what happens when a container ends.
	RestartPolicy string `json:"restartPolicy"`

	MLflow       MLflow       `json:"mlflow"`
	Keycloak     Keycloak     `json:"keycloak"`
	Edge         Edge         `json:"edge"`
	Postgres     Postgres     `json:"postgres"`
	Redis        Redis        `json:"redis"`
	Artifacts    Artifacts    `json:"artifacts"`
	IdentitySync IdentitySync `json:"identitySync"`
	Realm        Realm        `json:"realm"`
	Users        []User       `json:"users"`

	IdentityProviders []IdentityProvider `json:"identityProviders"`

	Images      Images      `json:"images"`
	Credentials Credentials `json:"credentials"`
	// ServiceAccounts are the machines that use MLflow with tokens of their own.
	ServiceAccounts []ServiceAccount `json:"serviceAccounts"`
	// Access says who may see and do what.
	Access []Access `json:"access"`
	// Backup takes snapshots of all that a stack keeps; nil takes none.
	Backup *Backup `json:"backup"`

	// Warnings are about settings that were given under an old name.
	Warnings []string `json:"-"`
}

// MLflow sets the tracking server.
type MLflow struct {
	// PublicURL is what a browser sees.
	PublicURL address.Public `json:"publicURL"`
	// Port is where the server is published, on 127.0.0.1 of the Docker host, unless
	// the edge stands in front of it.
	Port int `json:"port"`
	// Workers is the number of server processes.
	Workers int `json:"workers"`
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
	// DefaultPermission is what a member may do with what nobody granted:
	// READ, USE, EDIT, MANAGE or NO_PERMISSIONS.
	DefaultPermission string `json:"defaultPermission"`
}

// Keycloak sets the identity provider.
type Keycloak struct {
	// PublicURL is what a browser sees.
	PublicURL address.Public `json:"publicURL"`
	// Port is where the server answers, on 127.0.0.1 of the Docker host. Behind the
	// edge that is for the admin console and API alone.
	Port int `json:"port"`
	// MemoryMB limits the container's memory, in MiB. Java takes its heap from it.
	MemoryMB int `json:"memoryMB"`
	// PermanentAdmin keeps a person in realm master who may open the admin console at
	// any time, with a derived password. Without, `mlflow-sso console` makes one for
	// as long as it runs.
	PermanentAdmin bool `json:"permanentAdmin"`
}

// Edge sets what stands in front of MLflow and Keycloak and ends TLS.
type Edge struct {
	// Certificates is none, where there is no edge and both are on localhost; or where
	// the edge's certificates come from: internal, files or acme.
	Certificates string `json:"certificates"`
	// Address is the host's own that is listened on: 0.0.0.0 is all of them.
	Address netip.Addr `json:"address"`
	// HTTPPort leads to HTTPSPort, which is the one in both public addresses.
	HTTPPort  int `json:"httpPort"`
	HTTPSPort int `json:"httpsPort"`
	// CertificateFile and KeyFile are for files: absolute paths on this machine of a
	// chain for both names and of its key, in PEM.
	CertificateFile string `json:"certificateFile"`
	KeyFile         string `json:"keyFile"`
	// ACMEDirectory and ACMEEmail are for acme: the authority's directory, and where it
	// writes to. ACMERootFile is the absolute path of what a private authority is
	// trusted by.
	ACMEDirectory string `json:"acmeDirectory"`
	ACMEEmail     string `json:"acmeEmail"`
	ACMERootFile  string `json:"acmeRootFile"`
	// Subnet is the edge network's: private, and nobody else's on this host.
	Subnet netip.Prefix `json:"subnet"`
	// MaxRequestMB is the largest artifact that is taken, in MiB.
	MaxRequestMB int `json:"maxRequestMB"`
	// LoginsPerMinute is how many logins one client address may begin;
	// RequestsPerSecond how many requests it may make of MLflow.
	LoginsPerMinute   int `json:"loginsPerMinute"`
	RequestsPerSecond int `json:"requestsPerSecond"`
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
}

// NoEdge is where the services are published themselves, on localhost.
const NoEdge = "none"

// Enabled says whether there is an edge.
func (e Edge) Enabled() bool { return e.Certificates != NoEdge }

// Postgres sets the database server.
type Postgres struct {
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
	// External is a server to use in place of the container; nil makes the container.
	External *ExternalPostgres `json:"external"`
}

// Redis sets the permission cache.
type Redis struct {
	// MemoryMB limits the container's memory, in MiB; the cache takes half.
	MemoryMB int `json:"memoryMB"`
	// External is a server to use in place of the container; nil makes the container.
	External *ExternalRedis `json:"external"`
}

// Artifacts sets where files are kept.
type Artifacts struct {
	// S3 is a bucket to use in place of the volume; nil makes the volume.
	S3 *S3 `json:"s3"`
}

// IdentitySync sets what keeps MLflow's people as Keycloak has them.
type IdentitySync struct {
	// Interval is how often Keycloak is asked: whoever is gone there is out of MLflow
	// within twice that.
	Interval time.Duration `json:"interval"`
	// PruneInterval is how often what is over is removed from the database.
	PruneInterval time.Duration `json:"pruneInterval"`
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
}

// Realm sets what stands inside Keycloak.
type Realm struct {
	// SSLRequired is none or external: from whom Keycloak demands https.
	SSLRequired string `json:"sslRequired"`
	// AccessTokenLifespan is how long a login at MLflow lasts.
	AccessTokenLifespan time.Duration `json:"accessTokenLifespan"`
	// PasswordPolicy is Keycloak's own notation.
	PasswordPolicy string `json:"passwordPolicy"`
	// EventsExpiration is how long Keycloak remembers who logged in and who changed
	// what, in this realm and in realm master.
	EventsExpiration time.Duration `json:"eventsExpiration"`
	// DemoUsers makes three people with derived passwords: an admin, a member,
	// and one who is in no group. For stacks on localhost only.
	DemoUsers bool `json:"demoUsers"`
	// Administrators are the user names of those who shall be in the group of
	// administrators. The program makes none of them; drift names everybody else there.
	Administrators []string `json:"administrators"`
	// Groups are further groups, beside the two that let people into MLflow.
	Groups []string `json:"groups"`
	// ManagedGroups are groups in which nobody is but whom the settings name.
	ManagedGroups []string `json:"managedGroups"`
	// Mail is the server through which Keycloak writes to people; nil where it does not.
	Mail *Mail `json:"mail"`
}

// Images says where the images come from. A service whose entry is empty is
// built from images/<service>; else the entry is a registry's image, with its
// digest, that keeps the contract in images/README.md.
type Images struct {
	// Base is the image that the built ones start from.
	Base     string `json:"base"`
	Postgres string `json:"postgres"`
	Redis    string `json:"redis"`
	Keycloak string `json:"keycloak"`
	MLflow   string `json:"mlflow"`
	Edge     string `json:"edge"`
	Backup   string `json:"backup"`
}

// Credentials turns credentials.
type Credentials struct {
	// Root is the number of the root secret; raising it makes another one, and with it
	// every credential another one.
	Root int `json:"root"`
	// Generations maps a credential's label to its generation, 1 where absent.
	// Raising it makes a new value.
	Generations map[credentials.Label]int `json:"generations"`
}

// Published is a port of the Docker host that a stack listens on.
type Published struct {
	// Key is the setting.
	Key string
	// Address is the host's own.
	Address netip.Addr
	Port    int
}

// Published are all ports that the stack listens on.
func (c *Config) Published() []Published {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	keycloak := Published{"keycloak.port", loopback, c.Keycloak.Port}
	if c.Edge.Enabled() {
		return []Published{{"edge.httpPort", c.Edge.Address, c.Edge.HTTPPort}, {"edge.httpsPort", c.Edge.Address, c.Edge.HTTPSPort}, keycloak}
	}
	return []Published{{"mlflow.port", loopback, c.MLflow.Port}, keycloak}
}

func defaults() *Config {
	return &Config{
		RestartPolicy: "unless-stopped",
		MLflow:        MLflow{Port: 5000, Workers: 2, MemoryMB: 2048, DefaultPermission: "NO_PERMISSIONS"},
		Keycloak:      Keycloak{Port: 8080, MemoryMB: 1024, PermanentAdmin: true},
		Edge: Edge{
			Certificates:  NoEdge,
			Address:       netip.IPv4Unspecified(),
			HTTPPort:      80,
			HTTPSPort:     443,
			ACMEDirectory: "https://acme-v02.api.letsencrypt.org/directory",
			Subnet:        netip.MustParsePrefix("10.213.71.0/24"),
			MaxRequestMB:  6 << 10,
			// Teams share an address, and a hyper-parameter search has many clients.
			LoginsPerMinute:   60,
			RequestsPerSecond: 300,
			MemoryMB:          256,
		},
		Postgres:     Postgres{MemoryMB: 512},
		Redis:        Redis{MemoryMB: 128},
		IdentitySync: IdentitySync{Interval: 15 * time.Second, PruneInterval: time.Hour, MemoryMB: 192},
		Realm: Realm{
			SSLRequired:         "external",
			AccessTokenLifespan: 10 * time.Hour,
			PasswordPolicy:      "length(12) and notUsername(undefined) and notEmail(undefined) and passwordHistory(3)",
			EventsExpiration:    30 * 24 * time.Hour,
		},
		Images:      Images{Base: "mlflow-sso/base:trixie"},
		Credentials: Credentials{Root: 1},
	}
}
