// Package config holds every setting of a stack, typed and checked.
//
// [Load] loads the settings once and reports all mistakes together, each with its full key, the
// value got and the value wanted. No other package of the program reads Pulumi's configuration,
// and none reads the stack's name: two stacks differ in their settings only.
//
// The defaults are those of a small development stack on one machine.
package config

import (
	"net/netip"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
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
	// Proof is when an update proves the logins with the checks of `mlflow-sso verify`:
	// onChange (something has changed since the last proof), always or never.
	Proof string `json:"proof"`

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

	// Warnings report settings under old names.
	Warnings []string `json:"-"`
}

// MLflow configures the tracking server.
type MLflow struct {
	// PublicURL is the address in the browser, such as https://mlflow.example.com. Required.
	PublicURL address.Public `json:"publicURL"`
	// Port is the port on 127.0.0.1 of the Docker host; not used behind the edge.
	Port int `json:"port"`
	// Workers is the number of server processes.
	Workers int `json:"workers"`
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
	// DefaultPermission is what a member may do with a resource without a matching access
	// rule or grant: READ, USE, EDIT, MANAGE or NO_PERMISSIONS.
	DefaultPermission string `json:"defaultPermission"`
	// Gateway turns the AI gateway on, for the hosts and providers that it names. If it is
	// absent, the gateway is off.
	Gateway *Gateway `json:"gateway"`
	// Webhooks turns webhooks on, for the hosts that it names. If it is absent, they are off.
	Webhooks *Webhooks `json:"webhooks"`
	// TrashRetention is the time for which `mlflow-sso clean` keeps what is in MLflow's trash.
	TrashRetention time.Duration `json:"trashRetention"`
	// Contact is an e-mail address or an https URL for users who are refused. Pages that refuse
	// a user show it.
	Contact string `json:"contact"`
}

// Keycloak configures the identity provider.
type Keycloak struct {
	// PublicURL is the address in the browser, such as https://auth.example.com. Required.
	PublicURL address.Public `json:"publicURL"`
	// Port is the port on 127.0.0.1 of the Docker host. Behind the edge it only serves the
	// admin console and the admin API.
	Port int `json:"port"`
	// MemoryMB limits the container's memory, in MiB. The Java heap is derived from it.
	MemoryMB int `json:"memoryMB"`
	// StartMode is the mode in which Keycloak starts: production, or development on localhost,
	// which is Keycloak's profile dev: it does not cache themes and serves plain http.
	StartMode string `json:"startMode"`
	// PermanentAdmin creates a Keycloak administrator with a derived password. If it is
	// false, only `mlflow-sso console` grants access to the admin console, temporarily.
	PermanentAdmin bool `json:"permanentAdmin"`
}

// Edge configures the reverse proxy in front of MLflow and Keycloak.
type Edge struct {
	// Certificates is the source of the TLS certificates: internal (a certificate authority
	// of the stack's own), files or acme; none for a stack without the edge, on localhost.
	Certificates string `json:"certificates"`
	// Address is the address of the host to listen on; 0.0.0.0 for all.
	Address netip.Addr `json:"address"`
	// HTTPPort redirects to httpsPort.
	HTTPPort int `json:"httpPort"`
	// HTTPSPort is the port in both public URLs.
	HTTPSPort int `json:"httpsPort"`
	// CertificateFile is the absolute path of a PEM certificate chain for both names, with
	// certificates: files.
	CertificateFile string `json:"certificateFile"`
	// KeyFile is the absolute path of the chain's private key in PEM.
	KeyFile string `json:"keyFile"`
	// ACMEDirectory is the directory URL of the ACME certificate authority.
	ACMEDirectory string `json:"acmeDirectory"`
	// ACMEEmail is the contact address for the ACME authority. Required with
	// certificates: acme.
	ACMEEmail string `json:"acmeEmail"`
	// ACMERootFile is the absolute path of the root certificate of a private ACME authority.
	ACMERootFile string `json:"acmeRootFile"`
	// Subnet is the private subnet of the edge network. It must be unused on this host.
	Subnet netip.Prefix `json:"subnet"`
	// MaxRequestMB is the largest request body, and so the largest artifact, in MiB.
	MaxRequestMB int `json:"maxRequestMB"`
	// LoginsPerMinute is the number of logins that one client address may start.
	LoginsPerMinute int `json:"loginsPerMinute"`
	// RequestsPerSecond is the number of requests to MLflow that one client address may make.
	RequestsPerSecond int `json:"requestsPerSecond"`
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
}

// NoEdge publishes the services directly, on localhost.
const NoEdge = "none"

// Enabled reports whether there is an edge.
func (e Edge) Enabled() bool { return e.Certificates != NoEdge }

// Postgres configures the database server.
type Postgres struct {
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
	// External is a database server to use in place of the container.
	External *ExternalPostgres `json:"external"`
}

// Redis configures the permission cache.
type Redis struct {
	// MemoryMB limits the container's memory, in MiB; the cache uses half of it.
	MemoryMB int `json:"memoryMB"`
	// External is a Redis server to use in place of the container.
	External *ExternalRedis `json:"external"`
}

// Artifacts configures the artifact store.
type Artifacts struct {
	// S3 is a bucket to use in place of the volume.
	S3 *S3 `json:"s3"`
}

// IdentitySync configures the synchronization of Keycloak users and groups into MLflow.
type IdentitySync struct {
	// Interval is the time between two synchronizations. Sessions and tokens of a user who
	// is disabled or removed in Keycloak end within twice that time plus four seconds.
	Interval time.Duration `json:"interval"`
	// PruneInterval is the time between two removals of expired rows from the database.
	PruneInterval time.Duration `json:"pruneInterval"`
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
}

// Realm configures the Keycloak realm of MLflow's users.
type Realm struct {
	// SSLRequired is the clients that must use https: external, or none on localhost.
	SSLRequired string `json:"sslRequired"`
	// AccessTokenLifespan is the lifetime of a login at MLflow.
	AccessTokenLifespan time.Duration `json:"accessTokenLifespan"`
	// PasswordPolicy is the password policy in Keycloak's notation.
	PasswordPolicy string `json:"passwordPolicy"`
	// EventsExpiration is how long Keycloak keeps login and admin events, in this realm and
	// in realm master.
	EventsExpiration time.Duration `json:"eventsExpiration"`
	// DemoUsers creates three users with derived passwords: an administrator, a member and
	// a user without a group. On localhost only.
	DemoUsers bool `json:"demoUsers"`
	// Administrators are user names that may be in the group mlflow-admins, in addition to users. They
	// are not created; drift reports all other members.
	Administrators []string `json:"administrators"`
	// Groups are additional groups of the realm.
	Groups []string `json:"groups"`
	// ManagedGroups are groups whose members are exactly those in the stack file; an update
	// that finds others removes them.
	ManagedGroups []string `json:"managedGroups"`
	// Mail is the mail server that Keycloak uses. Without it Keycloak sends no mail.
	Mail *Mail `json:"mail"`
}

// Images selects the images. A service whose entry is empty is built from
// images/<service>; otherwise the entry is a registry image, with its digest, that keeps
// the contract in images/README.md.
type Images struct {
	// Base is the base image of the images that are built.
	Base string `json:"base"`
	// Date is the earliest day, as 2006-01-02, of the Debian packages in built images: a
	// later day builds them again. Empty accepts any. `mlflow-sso up --fresh` sets today.
	Date string `json:"date"`
	// Postgres is a registry image to use in place of images/postgres.
	Postgres string `json:"postgres"`
	// Redis is a registry image to use in place of images/redis.
	Redis string `json:"redis"`
	// Keycloak is a registry image to use in place of images/keycloak.
	Keycloak string `json:"keycloak"`
	// MLflow is a registry image to use in place of images/mlflow.
	MLflow string `json:"mlflow"`
	// Edge is a registry image to use in place of images/edge.
	Edge string `json:"edge"`
	// Backup is a registry image to use in place of images/backup.
	Backup string `json:"backup"`
}

// Credentials rotates credentials.
type Credentials struct {
	// Root is the number of the root secret. Raising it rotates every credential.
	Root int `json:"root"`
	// Generations maps a credential's label to its generation, 1 if absent. Raising it
	// rotates that credential.
	Generations map[credentials.Label]int `json:"generations"`
}

// Published is a port of the Docker host on which a stack listens.
type Published struct {
	// Key is the setting.
	Key string
	// Address is the host's address.
	Address netip.Addr
	Port    int
}

// Published returns all ports on which the stack listens.
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
		Proof:         loginproof.OnChange,
		MLflow:        MLflow{Port: 5000, Workers: 2, MemoryMB: 2048, DefaultPermission: "NO_PERMISSIONS", TrashRetention: 30 * 24 * time.Hour},
		Keycloak:      Keycloak{Port: 8080, MemoryMB: 1024, StartMode: keycloak.Production, PermanentAdmin: true},
		Edge: Edge{
			Certificates:  NoEdge,
			Address:       netip.IPv4Unspecified(),
			HTTPPort:      80,
			HTTPSPort:     443,
			ACMEDirectory: "https://acme-v02.api.letsencrypt.org/directory",
			Subnet:        netip.MustParsePrefix("10.213.71.0/24"),
			MaxRequestMB:  6 << 10,
			// Teams share an address, and a hyperparameter search runs many clients.
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
