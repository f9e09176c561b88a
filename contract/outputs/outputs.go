// Package outputs declares the stack outputs: the program exports them, and every command of
// mlflow-sso reads them.
//
// Both sides use the names declared here, so a renamed key cannot leave one of them behind.
// Outputs of a stack of the previous release are read, too.
package outputs

import "slices"

// Stack is every output of a stack. Values that are secret in the state are in plain text here:
// never print a Password.
type Stack struct {
	// Deployment is the prefix of every container, network and volume name.
	Deployment string `json:"deployment"`
	// Versions are the versions of the services with a data format of their own.
	Versions map[string]string `json:"versions"`
	MLflow   MLflow            `json:"mlflow"`
	Keycloak Keycloak          `json:"keycloak"`
	Realm    Realm             `json:"realm"`
	Postgres Service           `json:"postgres"`
	Redis    Service           `json:"redis"`
	// Volumes are the volumes with the stack's data. Outputs of an earlier release lack them.
	Volumes []Volume `json:"volumes"`
	// Artifacts is empty if artifacts are in a volume.
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
	// DemoUsers is empty unless `realm.demoUsers` is set.
	DemoUsers []User `json:"demoUsers"`
	// ServiceAccounts are the service accounts (`serviceAccounts`).
	ServiceAccounts []ServiceAccount `json:"serviceAccounts"`
	// CredentialVersions lists the root secret and the rotated credentials.
	CredentialVersions CredentialVersions `json:"credentialVersions"`
}

// Containers are the names of all containers of the stack.
func (s Stack) Containers() []string {
	all := []string{s.Postgres.Container, s.Redis.Container, s.Keycloak.Container, s.MLflow.Container, s.IdentitySync.Container, s.Edge.Container, s.Backup.Container}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// CredentialVersions are the root secret's number and the generations in the settings.
type CredentialVersions struct {
	Root        int          `json:"root"`
	Generations []Generation `json:"generations"`
}

// Generation returns the generation of a credential.
type Generation struct {
	Label      string `json:"label"`
	Generation int    `json:"generation"`
}

// Service is a container on the private network, or an external service.
type Service struct {
	// Container is the name of the container on the Docker host; empty for an external service.
	Container string `json:"container"`
	// External is host and port of an external service; empty if there is a container.
	External string `json:"external"`
	// TLS reports whether connections to External are encrypted and verified.
	TLS bool `json:"tls"`
}

// Volume is a volume of the Docker host according to the state.
type Volume struct {
	Name string `json:"name"`
	// Deployment is the value of the deployment's label; empty for a volume that was accepted
	// without it.
	Deployment string `json:"deployment"`
}

// Artifacts is an external artifact store.
type Artifacts struct {
	// URI is such as "s3://bucket/prefix".
	URI string `json:"uri"`
	// Endpoint is the service's origin; empty for Amazon's own.
	Endpoint string `json:"endpoint"`
}

// Edge is the reverse proxy in front of MLflow and Keycloak, which terminates TLS.
type Edge struct {
	Container string `json:"container"`
	// HTTPS is the edge's host and port on this machine, whatever the public names resolve to.
	HTTPS string `json:"https"`
	// Certificates is their source: internal, files or acme.
	Certificates string `json:"certificates"`
}

// Backup is the backup container.
type Backup struct {
	Container string `json:"container"`
	// Place is where snapshots are stored, for messages.
	Place string `json:"place"`
}

// Exists reports whether there is a backup container.
func (b Backup) Exists() bool { return b.Container != "" }

// Exists reports whether there is an edge.
func (e Edge) Exists() bool { return e.Container != "" }

// IdentityProvider is an external identity provider.
type IdentityProvider struct {
	// Alias is its name in Keycloak, Kind is oidc, saml or ldap.
	Alias string `json:"alias"`
	Kind  string `json:"kind"`
}

// MLflow is the MLflow server.
type MLflow struct {
	Container string `json:"container"`
	// GatewayProviders are the enabled providers of the AI gateway; none if it is disabled.
	GatewayProviders []string `json:"gatewayProviders,omitempty"`
	// WebhookTargets are the origins that webhooks may call; none if they are disabled.
	WebhookTargets []string `json:"webhookTargets,omitempty"`
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
	// AdminURL is the address of the admin API on this host.
	AdminURL string `json:"adminUrl"`
	// Admin is the permanent administrator; empty if there is none
	// (`keycloak.permanentAdmin`).
	Admin Login `json:"admin"`
	// Provider is the program's own service account, in realm master.
	Provider Client `json:"provider"`
}

// Realm is the realm of MLflow's users.
type Realm struct {
	Name string `json:"name"`
	// Issuer is the public issuer URL in tokens.
	Issuer string `json:"issuer"`
	// DiscoveryURL is the discovery document for MLflow, on the private network.
	DiscoveryURL string `json:"discoveryUrl"`
	// ClientID is the OpenID Connect client of MLflow.
	ClientID   string `json:"clientId"`
	AdminGroup string `json:"adminGroup"`
	UserGroup  string `json:"userGroup"`
	// EventsExpiration is the retention of login and admin events, in seconds.
	EventsExpiration int `json:"eventsExpiration"`
}

// Login is a user name and password.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
	// Edition is the root secret and generation of the password; empty if there is none.
	Edition string `json:"edition"`
}

// Exists reports whether there is such a user.
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
	// Edition is the root secret and generation of the password.
	Edition string `json:"edition"`
	// Group is the user's group; empty for the user without a group.
	Group string `json:"group"`
}
