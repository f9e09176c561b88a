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
	Edge     Organ = "edge"
)

var organs = []Organ{Host, Postgres, Redis, Keycloak, Realm, MLflow, Edge}

// restsOn says on which organs each depends.
var restsOn = map[Organ][]Organ{
	Postgres: {Host},
	Redis:    {Host},
	Keycloak: {Host, Postgres},
	Realm:    {Host, Postgres, Keycloak},
	MLflow:   {Host, Postgres, Redis, Keycloak, Realm},
	Edge:     {Host, Postgres, Keycloak, MLflow},
}

// Groups of causes, for the table below.
var (
	away = []string{"container-missing", "container-paused", "container-exited", "off-network"}
	// ends are what may keep a container from running.
	ends    = []string{"environment", "environment-unknown", "database-url", "redis-url", "session-key", "issuer", "client-secret", "disk-full", "out-of-memory"}
	sick    = []string{"container-restarting", "container-unhealthy"}
	secrets = []string{"role-password", "role-locked", "role-missing", "database-missing", "database-url"}
)

// follows says of each effect which findings it may follow from, in the same organ or
// in one on which that rests. What is not in it is a cause by itself.
var follows = map[string][]string{
	"container-exited":     slices.Concat(ends, []string{"off-network"}),
	"container-restarting": slices.Concat(ends, away, secrets),
	"container-unhealthy":  slices.Concat(ends, away, secrets, []string{"container-restarting", "database-refuses"}),
	"role-password":        {"environment"},
	"database-refuses":     slices.Concat(away, sick, secrets, []string{"driver-missing", "disk-full", "environment"}),
	"auth-not-migrated":    {"database-url", "database-missing", "container-restarting"},
	"redis-refuses":        slices.Concat(away, sick, []string{"environment", "redis-url"}),
	"redis-open":           {"environment", "environment-unknown", "command"},
	"container-command":    nil,
	"keycloak-unreachable": slices.Concat(away, sick, []string{"environment", "discovery-url", "edge-unreachable"}),
	"issuer-differs":       {"issuer", "environment", "realm-disabled", "realm-missing", "frontend-url"},
	"edge-unreachable":     slices.Concat(away, sick),
	"certificate-names":    {"environment"},
	"login-refused": {
		"container-missing", "container-paused", "container-exited", "off-network", "container-restarting", "container-unhealthy",
		"database-refuses", "role-password", "role-locked", "auth-not-migrated", "keycloak-unreachable", "issuer-differs", "environment", "environment-unknown",
		"issuer", "discovery-url", "redirect-uri", "client-missing", "client-disabled", "standard-flow-off", "redirect-uri-missing",
		"pkce", "realm-disabled", "realm-missing", "ssl-required", "edge-unreachable", "certificate-expired", "certificate-names", "trusted-proxies",
		"allowed-hosts", "keycloak-hostname", "scope", "client-id", "driver-missing",
	},
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
		near := other.Organ == effect.Organ || slices.Contains(restsOn[effect.Organ], other.Organ)
		if j != i && other.ID != effect.ID && near && slices.Contains(follows[effect.ID], other.ID) {
			return other.ID
		}
	}
	// The same trouble further up: an unhealthy MLflow over an unhealthy Postgres.
	for j, other := range found {
		if j != i && other.ID == effect.ID && slices.Contains(restsOn[effect.Organ], other.Organ) && len(follows[effect.ID]) > 0 {
			return other.ID
		}
	}
	return ""
}
