//go:build e2e

package e2e

import (
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
)

const (
	tillHealthy = 90 * time.Second
	lookEach    = 500 * time.Millisecond
)

// Possible consequences of a failed dependency.
var (
	noLogin   = []string{"login-refused"}
	withoutDB = []string{"container-unhealthy", "container-exited", "container-restarting", "database-refuses", "keycloak-unreachable", "login-refused"}
)

// downgrade downgrades the plugin's tables by one version.
const downgrade = `import os
from alembic.command import downgrade
from mlflow_oidc_auth.db.utils import _get_alembic_config
downgrade(_get_alembic_config(os.environ["OIDC_USERS_DB_URI"]), "-1")`

// faultsInPlace are faults of running containers, in the order of the table. The stack is intact
// again after each.
func faultsInPlace() []fault {
	const up, refresh = "mlflow-sso up", "mlflow-sso up --refresh"
	const mlflow, postgres = "docker restart NAME-mlflow", "docker restart NAME-postgres"
	return []fault{
		// Containers.
		{"Redis is stopped", "container-exited", []string{"redis-refuses"}, stop("redis"), "docker start NAME-redis"},
		{"Postgres is stopped", "container-exited", withoutDB, stop("postgres"), "docker start NAME-postgres"},
		{"Keycloak is stopped", "container-exited", []string{"keycloak-unreachable", "login-refused"}, stop("keycloak"), "docker start NAME-keycloak"},
		{"identity sync is stopped", "container-exited", nil, stop("keeper"), "docker start NAME-keeper"},
		{"Redis is paused", "container-paused", []string{"redis-refuses"}, pause("redis"), "docker unpause NAME-redis"},
		{"Redis's container is removed", "container-missing", []string{"redis-refuses"}, remove("redis"), up},
		{"MLflow is taken off the data network", "network-disconnected", []string{"container-unhealthy", "database-refuses", "redis-refuses", "login-refused"}, disconnect("mlflow", "data"), "docker network connect --alias mlflow NAME-data NAME-mlflow"},
		{"MLflow's folder in memory is full", "tmpfs-full", []string{"login-refused"}, func(w *ward) {
			w.inside("mlflow", "sh", "-c", "head -c 1100M /dev/zero > /tmp/full || true")
		}, mlflow},
		{"the kernel kills a process inside Redis's container", "process-killed", nil, func(w *ward) {
			w.inside("redis", "sh", "-c", "head -c 300M /dev/zero | tail || true")
		}, "docker restart NAME-redis"},

		// Postgres.
		{"the password of Keycloak's role is changed", "role-password", withoutDB, sql("postgres", "ALTER ROLE keycloak PASSWORD 'another one'"), postgres},
		{"the password of MLflow's role is changed", "role-password", withoutDB, sql("postgres", "ALTER ROLE mlflow PASSWORD 'another one'"), postgres},
		{"a role may no longer log in", "role-locked", withoutDB, sql("postgres", "ALTER ROLE mlflow_auth NOLOGIN"), postgres},
		{"a role is made superuser", "role-superuser", nil, sql("postgres", "ALTER ROLE mlflow SUPERUSER"), "docker exec NAME-postgres psql --no-psqlrc --host=/tmp/postgresql --username=postgres --command='ALTER ROLE mlflow NOSUPERUSER'"},

		// Keycloak's console.
		{"the groups mapper is deleted", "groups-mapper-missing", nil, inMapper("groups", nil), refresh},
		{"the groups mapper writes the full path", "groups-full-path", nil, inMapper("groups", func(c map[string]string) { c["full.path"] = "true" }), refresh},
		{"the groups mapper writes another claim", "groups-claim-name", nil, inMapper("groups", func(c map[string]string) { c["claim.name"] = "teams" }), refresh},
		{"the groups are left out of the ID token", "groups-claim-not-in-token", nil, inMapper("groups", func(c map[string]string) { c["id.token.claim"] = "false" }), refresh},
		{"the audience mapper is deleted", "audience-mapper-missing", nil, inMapper("audience", nil), refresh},
		{"the members' group is renamed", "group-missing", nil, renameGroup("mlflow-users", "mlflow-people"), refresh},
		{"the redirect URI is another", "redirect-uri-missing", noLogin, inClient(func(c *gocloak.Client) { c.RedirectURIs = &[]string{"http://localhost:1/callback"} }), refresh},
		{"any redirect URI is taken", "redirect-uri-too-broad", nil, inClient(func(c *gocloak.Client) { *c.RedirectURIs = append(*c.RedirectURIs, "*") }), refresh},
		{"the client's secret is changed", "client-secret-changed", nil, inClient(func(c *gocloak.Client) { c.Secret = gocloak.StringP("another one, typed manually") }), refresh},
		{"the client is disabled", "client-disabled", noLogin, inClient(func(c *gocloak.Client) { c.Enabled = gocloak.BoolP(false) }), refresh},
		{"the client's standard flow is off", "standard-flow-off", noLogin, inClient(func(c *gocloak.Client) { c.StandardFlowEnabled = gocloak.BoolP(false) }), refresh},
		{"Keycloak demands https", "ssl-required", []string{"issuer-differs", "keycloak-unreachable", "login-refused"}, setRealm(func(r *gocloak.RealmRepresentation) { r.SslRequired = gocloak.StringP("all") }), refresh},
		{"the realm is disabled", "realm-disabled", []string{"issuer-differs", "keycloak-unreachable", "login-refused"}, setRealm(func(r *gocloak.RealmRepresentation) { r.Enabled = gocloak.BoolP(false) }), refresh},
	}
}

// faultsRecreated are faults of manually recreated containers and their content. Together with
// the ones above they form the table.
func faultsRecreated() []fault {
	const mlflow, refresh = "docker restart NAME-mlflow", "mlflow-sso up --refresh"
	return []fault{
		{"Redis is started without a password", "command", []string{"redis-open", "redis-refuses", "container-unhealthy"}, remake("redis", false, func(c *container.Config) {
			c.Entrypoint, c.Cmd = []string{"redis-server"}, []string{"--protected-mode", "no", "--save", ""}
		}), refresh},
		{"MLflow is given another issuer", "issuer", noLogin, variable("mlflow", "OIDC_ISSUER", "http://keycloak:8080/realms/mlflow"), refresh},
		{"MLflow is sent to Keycloak at localhost", "discovery-url", []string{"keycloak-unreachable", "login-refused"}, variable("mlflow", "OIDC_DISCOVERY_URL", "http://localhost:8080/realms/mlflow/.well-known/openid-configuration"), refresh},
		{"MLflow answers to other hosts only", "allowed-hosts", noLogin, variable("mlflow", "MLFLOW_SERVER_ALLOWED_HOSTS", "mlflow.example,127.0.0.1:5000"), refresh},
		{"MLflow has another key of sessions", "session-key", nil, remake("mlflow", false, setVariable("SECRET_KEY", "a key that a user typed manually here")), refresh},
		{"MLflow looks for Redis at localhost", "redis-url", []string{"redis-refuses", "login-refused"}, variable("mlflow", "CACHE_REDIS_URL", "redis://localhost:6379/0"), refresh},
		{"MLflow takes no browser's origin", "cors-origin", nil, remake("mlflow", false, setVariable("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "http://other.example")), refresh},
		{"MLflow's job runner is on", "job-runner", nil, remake("mlflow", false, setVariable("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "true")), refresh},
		{"MLflow lacks its secret and ends again and again", "client-secret", []string{"container-exited", "container-restarting", "login-refused"}, remake("mlflow", false, setVariable("OIDC_CLIENT_SECRET", "")), refresh},
		{"the database of permissions is of an older version", "auth-not-migrated", nil, func(w *ward) {
			w.inside("mlflow", "python", "-c", downgrade)
		}, mlflow},
	}
}

// edgeFaults are those of a stack with an edge.
func edgeFaults() []fault {
	const refresh = "mlflow-sso up --refresh"
	return []fault{
		{"the edge is stopped", "container-exited", []string{"edge-unreachable", "keycloak-unreachable", "login-refused"}, stop("edge"), "docker start NAME-edge"},
		{"MLflow trusts another proxy than the edge", "trusted-proxies", noLogin, variable("mlflow", "TRUSTED_PROXIES", "192.0.2.1"), refresh},
	}
}
