package health

import (
	"slices"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// The components, as the framework names them.
const (
	Host         = check.Host
	Postgres     = check.Postgres
	Redis        = check.Redis
	Keycloak     = check.Keycloak
	Realm        = check.Realm
	MLflow       = check.MLflow
	IdentitySync = check.IdentitySync
	Edge         = check.Edge
	Backup       = check.Backup
)

var components = check.Components()

// dependsOn maps each component to those it depends on.
var dependsOn = map[Component][]Component{
	Postgres:     {Host},
	Redis:        {Host},
	Keycloak:     {Host, Postgres},
	Realm:        {Host, Postgres, Keycloak},
	MLflow:       {Host, Postgres, Redis, Keycloak, Realm, Edge},
	IdentitySync: {Host, Postgres, Keycloak, Realm, MLflow},
	Edge:         {Host},
	Backup:       {Host, Postgres},
}

// Groups of causes, for the table below.
var (
	containerDown      = []check.ID{ContainerMissing, ContainerPaused, ContainerExited, NetworkDisconnected}
	containerUnhealthy = []check.ID{ContainerRestarting, ContainerUnhealthy, OutOfMemory, ProcessKilled, DiskFull, TmpfsFull}
	// misconfigured are findings about variables that may keep a service from working.
	misconfigured = []check.ID{
		"environment", EnvironmentUnknown, Command, DatabaseURL, RedisURL, SessionKey, Issuer, DiscoveryURL, ClientSecret, ClientID,
		RedirectURI, Scope, AllowedHosts, TrustedProxies, KeycloakHostname, GroupName, GroupsClaim, Audience,
	}
	roleBroken   = []check.ID{RolePassword, RoleLocked, RoleMissing, DatabaseMissing}
	realmBroken  = []check.ID{RealmMissing, RealmDisabled, SSLRequired, FrontendURL}
	clientBroken = []check.ID{ClientMissing, ClientDisabled, StandardFlowOff, RedirectURIMissing, PKCE}
	certs        = []check.ID{CertificateExpired, CertificateNotYetValid, CertificateNames, CertificateUntrusted, EdgeUnreachable}
)

// mayBeCausedBy maps each effect to its possible causes, in the same component or in one that it
// depends on. Findings not listed are causes themselves.
var mayBeCausedBy = map[check.ID][]check.ID{
	OutOfMemory:         {JobRunner},
	DatabaseCrashed:     {ProcessKilled},
	ContainerExited:     slices.Concat(misconfigured, roleBroken, []check.ID{NetworkDisconnected, ContainerMissing, ContainerPaused, DiskFull, OutOfMemory}),
	ContainerRestarting: slices.Concat(misconfigured, roleBroken, containerDown, []check.ID{DiskFull, OutOfMemory}),
	ContainerUnhealthy:  slices.Concat(misconfigured, roleBroken, containerDown, []check.ID{ContainerRestarting, DiskFull, TmpfsFull, OutOfMemory}),
	DatabaseRefuses:     slices.Concat(misconfigured, roleBroken, containerDown, containerUnhealthy, []check.ID{DriverMissing}),
	AuthNotMigrated:     slices.Concat(roleBroken, []check.ID{DatabaseURL, ContainerRestarting}),
	RedisPassword:       {Environment, EnvironmentUnknown, Command, ContainerRestarting},
	RedisOpen:           {Environment, EnvironmentUnknown, Command},
	RedisRefuses:        slices.Concat(misconfigured, containerDown, containerUnhealthy, []check.ID{RedisPassword, RedisOpen}),
	KeycloakUnreachable: slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken, realmBroken),
	IssuerDiffers:       slices.Concat(misconfigured, realmBroken),
	EdgeUnreachable:     slices.Concat(misconfigured, containerDown, containerUnhealthy),
	CertificateNames:    misconfigured,
	IdentitySyncOverdue: slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken, realmBroken, clientBroken, []check.ID{GroupMissing, DatabaseRefuses, AuthNotMigrated}),
	SnapshotFailed:      slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken),
	SnapshotOverdue:     slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken, []check.ID{SnapshotFailed}),
	LoginRefused: slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken, realmBroken, clientBroken, certs,
		[]check.ID{DatabaseRefuses, AuthNotMigrated, DriverMissing, RedisRefuses, RedisPassword, KeycloakUnreachable, IssuerDiffers, Clock}),
}

// order puts causes first, component by component, followed by their effects, each with the ID of
// its cause. Otherwise it keeps the order of discovery.
func order(found []Finding) []Finding {
	byComponent := func(a, b Finding) int {
		return slices.Index(components, a.Component) - slices.Index(components, b.Component)
	}
	slices.SortStableFunc(found, byComponent)
	for i := range found {
		found[i].FollowsFrom = cause(found, i)
	}
	depth := func(f Finding) int {
		if f.FollowsFrom == "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return depth(a) - depth(b) })
	return found
}

// cause returns the ID of the first finding that explains the one at index i; empty if none does.
func cause(found []Finding, i int) check.ID {
	effect := found[i]
	for j, other := range found {
		below := slices.Contains(dependsOn[effect.Component], other.Component)
		if j == i || !below && other.Component != effect.Component || len(mayBeCausedBy[effect.ID]) == 0 {
			continue
		}
		// The same finding is a cause only in a dependency: an unhealthy MLflow because of an
		// unhealthy Postgres.
		if other.ID == effect.ID && below || slices.Contains(mayBeCausedBy[effect.ID], other.ID) {
			return other.ID
		}
	}
	return ""
}
