// Package outputs declares the stack outputs: the program exports them, and every
// command of mlflow-sso reads them.
//
// Both sides use the names declared here, so that a renamed key cannot leave one of
// them behind. Outputs of a stack that the previous release made are read, too.
package outputs

import "slices"

// Stack is every output of a stack. Values that are secret in the state arrive
// here in clear: never print a Password.
type Stack struct {
	// Deployment is the prefix of every container, network and volume name.
	Deployment string `json:"deployment"`
	// Versions are those of the services that keep data in a form of their own, by service.
	Versions map[string]string `json:"versions"`
	MLflow   MLflow            `json:"mlflow"`
	Keycloak Keycloak          `json:"keycloak"`
	Realm    Realm             `json:"realm"`
	Postgres Service           `json:"postgres"`
	Redis    Service           `json:"redis"`
	// Volumes are the volumes with the stack's data. Outputs of an earlier release lack them.
	Volumes []Volume `json:"volumes"`
	// Artifacts is empty where files are in a volume.
	Artifacts Artifacts `json:"artifacts"`
	// IdentitySync mirrors Keycloak users and groups into MLflow.
	IdentitySync IdentitySync `json:"identitySync"`
	// AccessAdmin is the client that manages permissions in MLflow; empty if it is not needed.
	AccessAdmin Client `json:"accessAdmin"`
	// Edge is empty without a reverse proxy.
	Edge Edge `json:"edge"`
	// Backup is empty without a backup.
	Backup Backup `json:"backup"`
	// IdentityProviders are the external identity providers.
	IdentityProviders []IdentityProvider `json:"identityProviders,omitempty"`
	// DemoUsers is empty unless the stack asks for them (`realm.demoUsers`).
	DemoUsers []User `json:"demoUsers"`
	// ServiceAccounts are machines, if there are any (`serviceAccounts`).
	ServiceAccounts []ServiceAccount `json:"serviceAccounts"`
	// CredentialVersions lists the root secret and the credentials that were rotated.
	CredentialVersions CredentialVersions `json:"credentialVersions"`
}

// Containers are the names of all containers that the stack has.
func (s Stack) Containers() []string {
	all := []string{s.Postgres.Container, s.Redis.Container, s.Keycloak.Container, s.MLflow.Container, s.IdentitySync.Container, s.Edge.Container, s.Backup.Container}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// CredentialVersions are the root secret's number and the generations as the settings had them.
type CredentialVersions struct {
	Root        int          `json:"root"`
	Generations []Generation `json:"generations"`
}

// Generation is that of a credential.
type Generation struct {
	Label      string `json:"label"`
	Generation int    `json:"generation"`
}

// Service is a container that is reached on the private network only, or a
// service that is not the stack's.
type Service struct {
	// Container is the name of the container on the Docker host; empty where there
	// is none.
	Container string `json:"container"`
	// External is host and port of a service that is not the stack's; empty where
	// there is a container.
	External string `json:"external"`
	// TLS says whether connections to External are encrypted and verified.
	TLS bool `json:"tls"`
}

// Volume is a volume of the Docker host as the state has it.
type Volume struct {
	Name string `json:"name"`
	// Deployment is the value of the deployment's label; empty for a volume that was accepted
	// without it.
	Deployment string `json:"deployment"`
}

// Artifacts is where files are that is not the stack's.
type Artifacts struct {
	// URI is such as "s3://bucket/prefix".
	URI string `json:"uri"`
	// Endpoint is the service's origin; empty for Amazon's own.
	Endpoint string `json:"endpoint"`
}

// Edge is the reverse proxy in front of MLflow and Keycloak, which terminates TLS.
type Edge struct {
	Container string `json:"container"`
	// HTTPS is host and port where it answers on this machine, whatever the public
	// names lead to.
	HTTPS string `json:"https"`
	// Certificates is where they come from: internal, files or acme.
	Certificates string `json:"certificates"`
}

// Backup is the backup container.
type Backup struct {
	Container string `json:"container"`
	// Place is where snapshots go, for a person.
	Place string `json:"place"`
}

// Exists says whether snapshots are taken.
func (b Backup) Exists() bool { return b.Container != "" }

// Exists says whether there is an edge.
func (e Edge) Exists() bool { return e.Container != "" }

// IdentityProvider is an identity provider that Keycloak asks about people.
type IdentityProvider struct {
	// Alias is its name in Keycloak, Kind is oidc, saml or ldap.
	Alias string `json:"alias"`
	Kind  string `json:"kind"`
}

// MLflow is the tracking server.
type MLflow struct {
	Container string `json:"container"`
	// URL is the address in the browser, without a trailing slash.
	URL string `json:"url"`
}

// IdentitySync mirrors Keycloak users and groups into MLflow.
type IdentitySync struct {
	Container string `json:"container"`
	// IntervalSeconds is the time between two synchronizations, PruneIntervalSeconds between
	// two removals of expired rows.
	IntervalSeconds      int `json:"intervalSeconds"`
	PruneIntervalSeconds int `json:"pruneIntervalSeconds"`
}

// Keycloak is the identity provider.
type Keycloak struct {
	Container string `json:"container"`
	// URL is the address in the browser, without a trailing slash.
	URL string `json:"url"`
	// AdminURL is where the admin API answers on this host.
	AdminURL string `json:"adminUrl"`
	// Admin is the permanent administrator; empty if there is none
	// (`keycloak.permanentAdmin`).
	Admin Login `json:"admin"`
	// Provider is the service account that the program itself uses, in realm master.
	Provider Client `json:"provider"`
}

// Realm is the realm that MLflow's users live in.
type Realm struct {
	Name string `json:"name"`
	// Issuer is the public issuer URL that tokens carry.
	Issuer string `json:"issuer"`
	// DiscoveryURL is the discovery document as MLflow fetches it, on the private network.
	DiscoveryURL string `json:"discoveryUrl"`
	// ClientID is the OpenID Connect client of MLflow.
	ClientID   string `json:"clientId"`
	AdminGroup string `json:"adminGroup"`
	UserGroup  string `json:"userGroup"`
	// EventsExpiration is how long Keycloak remembers logins and changes, in seconds.
	EventsExpiration int `json:"eventsExpiration"`
}

// Login is a person's user name and password.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
	// Edition says which root secret and generation the password is of; empty if there is none.
	Edition string `json:"edition"`
}

// Exists says whether there is such a person.
func (l Login) Exists() bool { return l.Username != "" }

// Client is a service account: an OpenID Connect client and its secret.
type Client struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// User is a demo user of the realm.
type User struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Password string `json:"password"`
	// Edition says which root secret and generation the password is of.
	Edition string `json:"edition"`
	// Group is the group that the user is in; empty for the one who is in none.
	Group string `json:"group"`
}
