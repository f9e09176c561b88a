package health

import "slices"

// Component is a part of a stack.
type Component string

// The organs, in the order in which trouble spreads.
const (
	Host         Component = "host"
	Postgres     Component = "postgres"
	Redis        Component = "redis"
	Keycloak     Component = "keycloak"
	Realm        Component = "realm"
	MLflow       Component = "mlflow"
	IdentitySync Component = "keeper"
	Edge         Component = "edge"
	Backup       Component = "backup"
)

var components = []Component{Host, Postgres, Redis, Keycloak, Realm, MLflow, IdentitySync, Edge, Backup}

// dependsOn says on which organs each depends.
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
	containerDown      = []string{"container-missing", "container-paused", "container-exited", "network-disconnected"}
	containerUnhealthy = []string{"container-restarting", "container-unhealthy", "out-of-memory", "process-killed", "disk-full", "tmpfs-full"}
	// misconfigured are variables that may keep a service from its work.
	misconfigured = []string{
		"environment", "environment-unknown", "command", "database-url", "redis-url", "session-key", "issuer", "discovery-url", "client-secret", "client-id",
		"redirect-uri", "scope", "allowed-hosts", "trusted-proxies", "keycloak-hostname", "group-name", "groups-claim", "audience",
	}
	roleBroken   = []string{"role-password", "role-locked", "role-missing", "database-missing"}
	realmBroken  = []string{"realm-missing", "realm-disabled", "ssl-required", "frontend-url"}
	clientBroken = []string{"client-missing", "client-disabled", "standard-flow-off", "redirect-uri-missing", "pkce"}
	certs        = []string{"certificate-expired", "certificate-not-yet-valid", "certificate-names", "certificate-untrusted", "edge-unreachable"}
)

// mayBeCausedBy says of each effect which findings it may follow from, in the same organ or
// in one on which that rests. What is not in it is a cause by itself.
var mayBeCausedBy = map[string][]string{
	"out-of-memory":         {"job-runner"},
	"database-crashed":      {"process-killed"},
	"container-exited":      slices.Concat(misconfigured, roleBroken, []string{"network-disconnected", "container-missing", "container-paused", "disk-full", "out-of-memory"}),
	"container-restarting":  slices.Concat(misconfigured, roleBroken, containerDown, []string{"disk-full", "out-of-memory"}),
	"container-unhealthy":   slices.Concat(misconfigured, roleBroken, containerDown, []string{"container-restarting", "disk-full", "tmpfs-full", "out-of-memory"}),
	"database-refuses":      slices.Concat(misconfigured, roleBroken, containerDown, containerUnhealthy, []string{"driver-missing"}),
	"auth-not-migrated":     slices.Concat(roleBroken, []string{"database-url", "container-restarting"}),
	"redis-password":        {"environment", "environment-unknown", "command", "container-restarting"},
	"redis-open":            {"environment", "environment-unknown", "command"},
	"redis-refuses":         slices.Concat(misconfigured, containerDown, containerUnhealthy, []string{"redis-password", "redis-open"}),
	"keycloak-unreachable":  slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken, realmBroken),
	"issuer-differs":        slices.Concat(misconfigured, realmBroken),
	"edge-unreachable":      slices.Concat(misconfigured, containerDown, containerUnhealthy),
	"certificate-names":     misconfigured,
	"identity-sync-overdue": slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken, realmBroken, clientBroken, []string{"group-missing", "database-refuses", "auth-not-migrated"}),
	"snapshot-failed":       slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken),
	"snapshot-overdue":      slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken, []string{"snapshot-failed"}),
	"login-refused": slices.Concat(misconfigured, containerDown, containerUnhealthy, roleBroken, realmBroken, clientBroken, certs,
		[]string{"database-refuses", "auth-not-migrated", "driver-missing", "redis-refuses", "redis-password", "keycloak-unreachable", "issuer-differs", "clock"}),
}

// order puts causes first, organ by organ, and behind them their effects, each with
// the ID of what it follows from. Within that the order of discovery stays.
func order(found []Finding) []Finding {
	byOrgan := func(a, b Finding) int {
		return slices.Index(components, a.Component) - slices.Index(components, b.Component)
	}
	slices.SortStableFunc(found, byOrgan)
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

// cause is the ID of the first finding that explains the one at index i; empty where
// none does.
func cause(found []Finding, i int) string {
	effect := found[i]
	for j, other := range found {
		below := slices.Contains(dependsOn[effect.Component], other.Component)
		if j == i || !below && other.Component != effect.Component || len(mayBeCausedBy[effect.ID]) == 0 {
			continue
		}
		// The same trouble counts further down alone: an unhealthy MLflow over an
		// unhealthy Postgres.
		if other.ID == effect.ID && below || slices.Contains(mayBeCausedBy[effect.ID], other.ID) {
			return other.ID
		}
	}
	return ""
}
