package health

import (
	"maps"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/idpcheck"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/privilege"
)

// about says what each check examines.
var about = map[check.ID]string{
	"containers":         "Every container exists, runs, answers its health check, and is on its networks.",
	"environments":       "The variables and the command of every container are as the program wrote them.",
	"host":               "The clock of Docker's host agrees with this machine's, and every service has free disk space.",
	"memory":             "No process was killed for lack of memory, and Postgres did not crash.",
	"volumes":            "The data volumes are those that the stack created.",
	"images":             "The images are not older than the stack's settings allow.",
	"keycloak":           "The realm, its client, mappers and groups are as MLflow expects them.",
	"mlflow":             "MLflow reaches its databases, Redis and Keycloak, and its server processes agree.",
	"identity-sync":      "The identity sync runs at its configured interval.",
	"login":              "A browser that opens MLflow's login gets Keycloak's form.",
	"privileges":         "Nothing has power in MLflow, Postgres or Keycloak that the settings do not declare.",
	"identity-providers": "Keycloak reaches every identity provider, and each matches the settings.",
	"postgres":           "Every role and database exists, with its password and no more than its rights.",
	"redis":              "Redis requires its password.",
	"certificate":        "The edge's certificates are valid, trusted, and for the public names.",
	"names":              "This machine resolves the public names to the edge.",
	"snapshots":          "The last snapshot and the last restore test succeeded and are recent.",
}

// The IDs of findings; those of undeclared privileges and of identity providers are named
// in packages privilege and idpcheck. Each is a heading of [check.Docs].
const (
	ContainerMissing       check.ID = "container-missing"
	ContainerPaused        check.ID = "container-paused"
	ContainerExited        check.ID = "container-exited"
	ContainerRestarting    check.ID = "container-restarting"
	ContainerUnhealthy     check.ID = "container-unhealthy"
	NetworkDisconnected    check.ID = "network-disconnected"
	OutOfMemory            check.ID = "out-of-memory"
	ProcessKilled          check.ID = "process-killed"
	DiskFull               check.ID = "disk-full"
	TmpfsFull              check.ID = "tmpfs-full"
	SharedMemoryFull       check.ID = "shared-memory-full"
	DatabaseCrashed        check.ID = "database-crashed"
	Clock                  check.ID = "clock"
	ImageOld               check.ID = "image-old"
	DataVolumeReplaced     check.ID = "data-volume-replaced"
	Environment            check.ID = "environment"
	EnvironmentUnknown     check.ID = "environment-unknown"
	Command                check.ID = "command"
	DatabaseURL            check.ID = "database-url"
	RedisURL               check.ID = "redis-url"
	SessionKey             check.ID = "session-key"
	Issuer                 check.ID = "issuer"
	DiscoveryURL           check.ID = "discovery-url"
	ClientSecret           check.ID = "client-secret"
	ClientID               check.ID = "client-id"
	RedirectURI            check.ID = "redirect-uri"
	Scope                  check.ID = "scope"
	AllowedHosts           check.ID = "allowed-hosts"
	TrustedProxies         check.ID = "trusted-proxies"
	KeycloakHostname       check.ID = "keycloak-hostname"
	GroupName              check.ID = "group-name"
	GroupsClaim            check.ID = "groups-claim"
	Audience               check.ID = "audience"
	CORSOrigin             check.ID = "cors-origin"
	JobRunner              check.ID = "job-runner"
	Cookie                 check.ID = "cookie"
	RolePassword           check.ID = "role-password"
	RoleLocked             check.ID = "role-locked"
	RoleMissing            check.ID = "role-missing"
	RoleSuperuser          check.ID = "role-superuser"
	DatabaseMissing        check.ID = "database-missing"
	DatabaseEncoding       check.ID = "database-encoding"
	DatabaseRefuses        check.ID = "database-refuses"
	AuthNotMigrated        check.ID = "auth-not-migrated"
	DriverMissing          check.ID = "driver-missing"
	RedisPassword          check.ID = "redis-password"
	RedisOpen              check.ID = "redis-open"
	RedisRefuses           check.ID = "redis-refuses"
	RealmMissing           check.ID = "realm-missing"
	RealmDisabled          check.ID = "realm-disabled"
	SSLRequired            check.ID = "ssl-required"
	FrontendURL            check.ID = "frontend-url"
	ClientMissing          check.ID = "client-missing"
	ClientDisabled         check.ID = "client-disabled"
	ClientPublic           check.ID = "client-public"
	ClientSecretChanged    check.ID = "client-secret-changed"
	StandardFlowOff        check.ID = "standard-flow-off"
	RedirectURIMissing     check.ID = "redirect-uri-missing"
	RedirectURITooBroad    check.ID = "redirect-uri-too-broad"
	PKCE                   check.ID = "pkce"
	GroupMissing           check.ID = "group-missing"
	GroupsMapperMissing    check.ID = "groups-mapper-missing"
	GroupsFullPath         check.ID = "groups-full-path"
	GroupsClaimName        check.ID = "groups-claim-name"
	GroupsClaimNotInToken  check.ID = "groups-claim-not-in-token"
	AudienceMapperMissing  check.ID = "audience-mapper-missing"
	AdministratorLocked    check.ID = "administrator-locked"
	AdministratorsLocked   check.ID = "administrators-all-locked"
	KeycloakUnreachable    check.ID = "keycloak-unreachable"
	IssuerDiffers          check.ID = "issuer-differs"
	LoginRefused           check.ID = "login-refused"
	Version                check.ID = "version"
	IdentitySyncOverdue    check.ID = "identity-sync-overdue"
	EdgeUnreachable        check.ID = "edge-unreachable"
	CertificateExpired     check.ID = "certificate-expired"
	CertificateNotYetValid check.ID = "certificate-not-yet-valid"
	CertificateNames       check.ID = "certificate-names"
	CertificateSoon        check.ID = "certificate-soon"
	CertificateUntrusted   check.ID = "certificate-untrusted"
	Intercepted            check.ID = "intercepted"
	NameUnresolved         check.ID = "name-unresolved"
	SnapshotFailed         check.ID = "snapshot-failed"
	SnapshotOverdue        check.ID = "snapshot-overdue"
	RestoreTestOverdue     check.ID = "restore-test-overdue"
)

// meanings says what each finding means.
var meanings = map[check.ID]string{
	privilege.Administrator:  "MLflow has an administrator that neither Keycloak's group nor the settings name.",
	privilege.ServiceAccount: "MLflow has a service account with a token that no setting declares.",
	privilege.SCIMToken:      "A SCIM token lets an external program write users and groups.",
	privilege.WebhookID:      "A webhook sends events out of the stack.",
	privilege.PatternID:      "A permission pattern that no setting declares lets its subject change objects of others.",
	privilege.PostgresRole:   "A role is not one of the stack's, or has more rights than the stack gives it.",
	privilege.NestedGroup:    "A nested group with the name of the administrators' group makes its members administrators.",
	privilege.ArtifactsMode:  "The artifact directory is accessible to other users of the container's host.",
	idpcheck.Missing:         "Keycloak does not have an identity provider of the settings.",
	idpcheck.Disabled:        "An identity provider is disabled in Keycloak.",
	idpcheck.Unreachable:     "Keycloak cannot reach an identity provider.",
	idpcheck.Differs:         "An identity provider publishes other metadata than the settings have.",
	idpcheck.Refused:         "A directory refuses the login that Keycloak uses.",

	ContainerMissing:       "A container of the stack does not exist.",
	ContainerPaused:        "A container is paused.",
	ContainerExited:        "A container is not running.",
	ContainerRestarting:    "A container keeps restarting.",
	ContainerUnhealthy:     "A container runs and fails its health check.",
	NetworkDisconnected:    "A container is not on one of its networks.",
	OutOfMemory:            "The kernel ended a container for lack of memory.",
	ProcessKilled:          "The kernel killed a process inside a running container for lack of memory.",
	DiskFull:               "A volume is full.",
	TmpfsFull:              "A tmpfs is full.",
	SharedMemoryFull:       "Postgres has no space in /dev/shm.",
	DatabaseCrashed:        "A process of Postgres was killed, and every session ended.",
	Clock:                  "The clocks of Docker's host and of this machine differ.",
	ImageOld:               "The Debian packages in an image are old.",
	DataVolumeReplaced:     "A data volume is missing or is not the one that the stack created, so earlier data is missing.",
	Environment:            "A variable of a container is not what the program wrote.",
	EnvironmentUnknown:     "A container has a variable that the program does not set.",
	Command:                "A container does not run the command of its image.",
	DatabaseURL:            "MLflow's address of a database is not what the program wrote.",
	RedisURL:               "MLflow's address of Redis is not what the program wrote.",
	SessionKey:             "MLflow's key of sessions is not what the program wrote, or its processes have different ones.",
	Issuer:                 "MLflow expects tokens of another issuer.",
	DiscoveryURL:           "MLflow uses another address of Keycloak.",
	ClientSecret:           "MLflow has another secret than Keycloak's client.",
	ClientID:               "MLflow uses another client.",
	RedirectURI:            "MLflow asks Keycloak to return to another address.",
	Scope:                  "MLflow requests other scopes.",
	AllowedHosts:           "MLflow answers to other host names.",
	TrustedProxies:         "MLflow trusts another proxy than the edge.",
	KeycloakHostname:       "Keycloak has another public address.",
	GroupName:              "MLflow expects another group.",
	GroupsClaim:            "MLflow reads groups from another claim.",
	Audience:               "MLflow expects tokens for another audience.",
	CORSOrigin:             "MLflow accepts other origins.",
	JobRunner:              "MLflow's job runner is on.",
	Cookie:                 "The session cookie's flags do not fit the scheme.",
	RolePassword:           "Postgres refuses a role's password.",
	RoleLocked:             "A role cannot log in.",
	RoleMissing:            "A role does not exist.",
	RoleSuperuser:          "A role of the stack is a superuser.",
	DatabaseMissing:        "A database does not exist.",
	DatabaseEncoding:       "A database has another encoding than UTF8.",
	DatabaseRefuses:        "MLflow cannot open a database.",
	AuthNotMigrated:        "The database of permissions has an older schema than the plugin.",
	DriverMissing:          "MLflow's image has no driver for Postgres.",
	RedisPassword:          "Redis refuses its password.",
	RedisOpen:              "Redis answers without a password.",
	RedisRefuses:           "MLflow cannot use Redis.",
	RealmMissing:           "Keycloak does not have the realm.",
	RealmDisabled:          "The realm is disabled.",
	SSLRequired:            "The realm's SSL requirement does not fit the public address.",
	FrontendURL:            "The realm has its own frontend URL.",
	ClientMissing:          "The realm does not have the client.",
	ClientDisabled:         "The client is disabled.",
	ClientPublic:           "The client needs no secret.",
	ClientSecretChanged:    "The client's secret was changed in Keycloak.",
	StandardFlowOff:        "The client's standard flow is off.",
	RedirectURIMissing:     "The client does not list MLflow's redirect URI.",
	RedirectURITooBroad:    "The client accepts more redirect URIs than one.",
	PKCE:                   "The client does not require PKCE with S256.",
	GroupMissing:           "A group that MLflow expects does not exist.",
	GroupsMapperMissing:    "The client has no mapper for groups.",
	GroupsFullPath:         "The mapper writes a group's full path.",
	GroupsClaimName:        "The mapper writes another claim.",
	GroupsClaimNotInToken:  "The mapper omits one kind of token.",
	AudienceMapperMissing:  "The client has no mapper for the audience.",
	AdministratorLocked:    "Wrong passwords have locked an administrator.",
	AdministratorsLocked:   "No administrator of MLflow can log in: wrong passwords have locked all of them.",
	KeycloakUnreachable:    "MLflow cannot reach Keycloak.",
	IssuerDiffers:          "Keycloak's issuer is not the one that MLflow expects.",
	LoginRefused:           "A browser that opens MLflow's login does not get Keycloak's form.",
	Version:                "A package in MLflow's image is too old.",
	IdentitySyncOverdue:    "The identity sync did not run as often as it should, or failed.",
	EdgeUnreachable:        "The edge does not answer.",
	CertificateExpired:     "The certificate has expired.",
	CertificateNotYetValid: "The certificate is not valid yet.",
	CertificateNames:       "The certificate is for other names.",
	CertificateSoon:        "The certificate expires soon.",
	CertificateUntrusted:   "The certificate is from an untrusted authority.",
	Intercepted:            "Another program answers at a public name.",
	NameUnresolved:         "This machine cannot resolve a public name.",
	SnapshotFailed:         "The last snapshot failed.",
	SnapshotOverdue:        "The last snapshot is too old.",
	RestoreTestOverdue:     "The last restore test is too old.",
}

// Meanings are the IDs of all findings with what each means.
func Meanings() map[check.ID]string { return maps.Clone(meanings) }
