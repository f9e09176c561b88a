package doctor

import "slices"

// Organ is a part of a stack.
type Organ string

// The organs, in the order in which trouble spreads.
const (
	Host     Organ = "host"
	Postgres Organ = "postgres"
	Redis    Organ = "redis"
	Keycloak Organ = "keycloak"
	Realm    Organ = "realm"
	MLflow   Organ = "mlflow"
	Keeper   Organ = "keeper"
	Edge     Organ = "edge"
	Backup   Organ = "backup"
)

var organs = []Organ{Host, Postgres, Redis, Keycloak, Realm, MLflow, Keeper, Edge, Backup}

// restsOn says on which organs each depends.
var restsOn = map[Organ][]Organ{
	Postgres: {Host},
	Redis:    {Host},
	Keycloak: {Host, Postgres},
	Realm:    {Host, Postgres, Keycloak},
	MLflow:   {Host, Postgres, Redis, Keycloak, Realm, Edge},
	Keeper:   {Host, Postgres, Keycloak, Realm, MLflow},
	Edge:     {Host},
	Backup:   {Host, Postgres},
}

// Groups of causes, for the table below.
var (
	away = []string{"container-missing", "container-paused", "container-exited", "off-network"}
	sick = []string{"container-restarting", "container-unhealthy", "out-of-memory", "process-killed", "disk-full", "scratch-full"}
	// wrongly are variables that may keep a service from its work.
	wrongly = []string{
		"environment", "environment-unknown", "command", "database-url", "redis-url", "session-key", "issuer", "discovery-url", "client-secret", "client-id",
		"redirect-uri", "scope", "allowed-hosts", "trusted-proxies", "keycloak-hostname", "group-name", "groups-claim", "audience",
	}
	locked = []string{"role-password", "role-locked", "role-missing", "database-missing"}
	closed = []string{"realm-missing", "realm-disabled", "ssl-required", "frontend-url"}
	shut   = []string{"client-missing", "client-disabled", "standard-flow-off", "redirect-uri-missing", "pkce"}
	certs  = []string{"certificate-expired", "certificate-early", "certificate-names", "certificate-untrusted", "edge-unreachable"}
)

// follows says of each effect which findings it may follow from, in the same organ or
// in one on which that rests. What is not in it is a cause by itself.
var follows = map[string][]string{
	"out-of-memory":        {"job-runner"},
	"database-crashed":     {"process-killed"},
	"container-exited":     slices.Concat(wrongly, locked, []string{"off-network", "container-missing", "container-paused", "disk-full", "out-of-memory"}),
	"container-restarting": slices.Concat(wrongly, locked, away, []string{"disk-full", "out-of-memory"}),
	"container-unhealthy":  slices.Concat(wrongly, locked, away, []string{"container-restarting", "disk-full", "scratch-full", "out-of-memory"}),
	"database-refuses":     slices.Concat(wrongly, locked, away, sick, []string{"driver-missing"}),
	"auth-not-migrated":    slices.Concat(locked, []string{"database-url", "container-restarting"}),
	"redis-password":       {"environment", "environment-unknown", "command", "container-restarting"},
	"redis-open":           {"environment", "environment-unknown", "command"},
	"redis-refuses":        slices.Concat(wrongly, away, sick, []string{"redis-password", "redis-open"}),
	"keycloak-unreachable": slices.Concat(wrongly, away, sick, locked, closed),
	"issuer-differs":       slices.Concat(wrongly, closed),
	"edge-unreachable":     slices.Concat(wrongly, away, sick),
	"certificate-names":    wrongly,
	"keeper-late":          slices.Concat(wrongly, away, sick, locked, closed, shut, []string{"group-missing", "database-refuses", "auth-not-migrated"}),
	"snapshot-failed":      slices.Concat(wrongly, away, sick, locked),
	"snapshot-old":         slices.Concat(wrongly, away, sick, locked, []string{"snapshot-failed"}),
	"login-refused": slices.Concat(wrongly, away, sick, locked, closed, shut, certs,
		[]string{"database-refuses", "auth-not-migrated", "driver-missing", "redis-refuses", "redis-password", "keycloak-unreachable", "issuer-differs", "clock"}),
}

// order puts causes first, organ by organ, and behind them their effects, each with
// the ID of what it follows from. Within that the order of discovery stays.
func order(found []Finding) []Finding {
	byOrgan := func(a, b Finding) int { return slices.Index(organs, a.Organ) - slices.Index(organs, b.Organ) }
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
		below := slices.Contains(restsOn[effect.Organ], other.Organ)
		if j == i || !below && other.Organ != effect.Organ || len(follows[effect.ID]) == 0 {
			continue
		}
		// The same trouble counts further down alone: an unhealthy MLflow over an
		// unhealthy Postgres.
		if other.ID == effect.ID && below || slices.Contains(follows[effect.ID], other.ID) {
			return other.ID
		}
	}
	return ""
}
