package tests

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// The eleven classic failures of a manual deployment. Each is a pair of values that disagreed;
// here is one test for each pair. docs/how-to/troubleshooting.md names these tests.

// parsed is a variable with an address.
func parsed(t *testing.T, r *pulumimock.Recording, component, name string) *url.URL {
	t.Helper()
	u, err := url.Parse(variable(t, r, component, name).Text())
	if err != nil {
		// url.Parse's error repeats the text, with the password.
		t.Fatalf("%s of %s is not an address", name, component)
	}
	return u
}

// requireReaches requires that one container can reach another under a host name.
func requireReaches(t *testing.T, r *pulumimock.Recording, from, to, host string) {
	t.Helper()
	require.Contains(t, aliasesOf(t, service(t, r, to)), host, "%s looks for %s under another name than it has", from, to)
	shared := false
	for _, network := range networksOf(t, service(t, r, from)) {
		shared = shared || slices.Contains(networksOf(t, service(t, r, to)), network)
	}
	require.True(t, shared, "%s and %s have no network in common", from, to)
}

// 1: "password authentication failed".
func TestEleven01PasswordsAreTheSameOnBothSides(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		databases := strings.Fields(variable(t, r, "postgres", "POSTGRES_DATABASES").Text())
		set := func(database string) string {
			require.Contains(t, databases, database)
			return variable(t, r, "postgres", "POSTGRES_PASSWORD_"+strings.ToUpper(database)).Text()
		}
		for _, name := range []string{"MLFLOW_BACKEND_STORE_URI", "OIDC_USERS_DB_URI"} {
			uri := parsed(t, r, "mlflow", name)
			used, _ := uri.User.Password()
			require.True(t, set(strings.TrimPrefix(uri.Path, "/")) == used, "%s has another password than Postgres", name)
			require.Equal(t, "/"+uri.User.Username(), uri.Path, "each role owns the database of its name")
			requireReaches(t, r, "mlflow", "postgres", uri.Hostname())
			require.Equal(t, "5432", uri.Port())
		}
		database := variable(t, r, "keycloak", "KC_DB_URL_DATABASE").Text()
		require.True(t, set(database) == variable(t, r, "keycloak", "KC_DB_PASSWORD").Text(), "Keycloak has another password than Postgres")
		require.Equal(t, database, variable(t, r, "keycloak", "KC_DB_USERNAME").Text())
		requireReaches(t, r, "keycloak", "postgres", variable(t, r, "keycloak", "KC_DB_URL_HOST").Text())
		require.Len(t, databases, 3)

		provider := r.Get(t, providerType, "realm-keycloak")
		require.Equal(t, variable(t, r, "keycloak", "KC_BOOTSTRAP_ADMIN_CLIENT_ID").Text(), input(t, provider, "clientId").Text())
		require.True(t, variable(t, r, "keycloak", "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET").Text() == input(t, provider, "clientSecret").Text(),
			"the program has another secret than Keycloak")
	})
}

// 2: a container that is never healthy because its image has no curl.
func TestEleven02HealthChecksNeedNothingThatAnImageMayLack(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made pulumimock.Resource) {
		require.Equal(t, "CMD", input(t, made, "healthcheck.tests[0]").Value)
		require.Equal(t, "healthcheck", input(t, made, "healthcheck.tests[1]").Value, "each image brings a check of its own")
		require.False(t, made.Has("healthcheck.tests[2]"))
		// The other half of the pair: the image contains what the container runs.
		name := strings.TrimSuffix(made.Name, "-container")
		if name == "keeper" {
			name = "mlflow" // one image with two purposes
		}
		check, err := os.Stat(inRepository("images/" + name + "/healthcheck"))
		require.NoError(t, err)
		require.NotZero(t, check.Mode()&0o111, "images/%s/healthcheck cannot be executed", name)
		script, err := os.ReadFile(inRepository("images/" + name + "/healthcheck"))
		require.NoError(t, err)
		for number, line := range strings.Split(string(script), "\n") {
			if !strings.HasPrefix(strings.TrimSpace(line), "#") {
				require.NotRegexp(t, `\b(curl|wget)\b`, line, "images/%s/healthcheck:%d", name, number+1)
			}
		}
	})
}

// 3: "HTTPS required".
func TestEleven03KeycloakDemandsHTTPSOnlyWhereBrowsersUseIt(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		public := parsed(t, r, "keycloak", "KC_HOSTNAME")
		want, headers := "none", false
		if public.Scheme == "https" {
			want, headers = "external", true
		}
		require.Equal(t, want, input(t, r.Get(t, realmType, "realm-realm"), "sslRequired").Value)
		require.Equal(t, "true", variable(t, r, "keycloak", "KC_HTTP_ENABLED").Value, "MLflow and the program come in plain http")
		got, set := environment(t, service(t, r, "keycloak"))["KC_PROXY_HEADERS"]
		require.Equal(t, headers, set, "the proxy's headers are trusted exactly where there is a proxy")
		if set {
			require.Equal(t, "xforwarded", got.Value)
		}
	})
}

// 4: a browser is sent to a name that only resolves between containers.
func TestEleven04BrowsersAreOnlyEverSentToPublicAddresses(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		c := settings(t, stack)
		keycloak, mlflow := c.Keycloak.PublicURL.String(), c.MLflow.PublicURL.String()
		client := r.Get(t, clientType, "realm-client")
		for what, pair := range map[string][2]string{
			"Keycloak's own address":    {variable(t, r, "keycloak", "KC_HOSTNAME").Text(), keycloak},
			"the issuer":                {variable(t, r, "mlflow", "OIDC_ISSUER").Text(), keycloak + "/realms/mlflow"},
			"the redirect at MLflow":    {variable(t, r, "mlflow", "OIDC_REDIRECT_URI").Text(), mlflow + "/callback"},
			"the redirect at Keycloak":  {input(t, client, "validRedirectUris[0]").Text(), mlflow + "/callback"},
			"the redirect after logout": {input(t, client, "validPostLogoutRedirectUris[0]").Text(), mlflow + "/oidc/ui/auth"},
			"the client's origin":       {input(t, client, "webOrigins[0]").Text(), mlflow},
			"the client's page":         {input(t, client, "baseUrl").Text(), mlflow},
			"MLflow's origin":           {variable(t, r, "mlflow", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS").Text(), mlflow},
			"the output of Keycloak":    {r.Output(t, "keycloak.url").Text(), keycloak},
			"the output of MLflow":      {r.Output(t, "mlflow.url").Text(), mlflow},
			"the output of the issuer":  {r.Output(t, "realm.issuer").Text(), keycloak + "/realms/mlflow"},
		} {
			require.Equal(t, pair[1], pair[0], what)
		}
		require.False(t, client.Has("validRedirectUris[1]"), "one exact redirect URI and no other")
		hosts := strings.Split(variable(t, r, "mlflow", "MLFLOW_SERVER_ALLOWED_HOSTS").Text(), ",")
		require.Contains(t, hosts, c.MLflow.PublicURL.Host(), "MLflow refuses the browser's own requests")
	})
}

// 5: MLflow looks for Keycloak at "localhost", which is MLflow itself.
func TestEleven05MLflowAsksKeycloakOnThePrivateNetwork(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		discovery := parsed(t, r, "mlflow", "OIDC_DISCOVERY_URL")
		requireReaches(t, r, "mlflow", "keycloak", discovery.Hostname())
		require.Equal(t, "http", discovery.Scheme, "inside the private network there is no TLS")
		require.Equal(t, "8080", discovery.Port(), "that is not where Keycloak listens")
		require.Equal(t, "/realms/mlflow/.well-known/openid-configuration", discovery.Path)
		require.Equal(t, "true", variable(t, r, "keycloak", "KC_HOSTNAME_BACKCHANNEL_DYNAMIC").Value, "Keycloak would send MLflow to the browser's address")
		require.Equal(t, discovery.String(), r.Output(t, "realm.discoveryUrl").Value)
	})
}

// 6: "Client not found", "Invalid client credentials".
func TestEleven06ClientIsTheSameOnBothSides(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		client, realm := r.Get(t, clientType, "realm-client"), r.Get(t, realmType, "realm-realm")
		id := input(t, client, "clientId").Text()
		require.Equal(t, id, variable(t, r, "mlflow", "OIDC_CLIENT_ID").Value)
		require.Equal(t, id, variable(t, r, "mlflow", "OIDC_AUDIENCE").Value)
		require.Equal(t, id, input(t, r.Get(t, audienceType, "realm-audience-mapper"), "includedClientAudience").Value)
		require.Equal(t, id, r.Output(t, "realm.clientId").Value)
		require.True(t, input(t, client, "clientSecret").Text() == variable(t, r, "mlflow", "OIDC_CLIENT_SECRET").Text(),
			"Keycloak has another secret than MLflow")
		require.Equal(t, "CONFIDENTIAL", input(t, client, "accessType").Value, "a client of another kind has no secret")
		require.Equal(t, true, input(t, client, "standardFlowEnabled").Value)

		name := input(t, realm, "realm").Text()
		require.True(t, strings.HasSuffix(variable(t, r, "mlflow", "OIDC_ISSUER").Text(), "/realms/"+name), "MLflow looks for another realm than %q", name)
		require.Equal(t, name, r.Output(t, "realm.name").Value)
		require.Equal(t, realm.Name+"-id", input(t, client, "realmId").Value, "the client is in another realm")
		require.Equal(t, variable(t, r, "mlflow", "OIDC_CODE_CHALLENGE").Value, input(t, client, "pkceCodeChallengeMethod").Value)
	})
}

// 7: the plugin silently ignores an unknown setting.
func TestEleven07ScopesAreSpeltAsThePluginReadsThem(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		require.Equal(t, "openid profile email", variable(t, r, "mlflow", "OIDC_SCOPE").Value, "separated by spaces, not by commas")
		require.NotContains(t, environment(t, service(t, r, "mlflow")), "OIDC_SCOPES", "the plugin does not read it")
	})
}

// 8: "invalid state", or a restart that logs all users out.
func TestEleven08SessionsAreSharedByAllWorkersAndOutliveThem(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		key := variable(t, r, "mlflow", "SECRET_KEY")
		require.True(t, key.Secret)
		require.GreaterOrEqual(t, len(key.Text()), 43, "without a key each worker invents its own")
		tokens, err := base64.URLEncoding.DecodeString(variable(t, r, "mlflow", "SESSION_TOKEN_ENCRYPTION_KEY").Text())
		require.NoError(t, err, "the plugin refuses a key that is not in Fernet's form")
		require.Len(t, tokens, 32)

		sessions := parsed(t, r, "mlflow", "OIDC_USERS_DB_URI")
		require.Equal(t, "postgresql", sessions.Scheme, "sessions are kept where people are: a file or a memory belongs to one worker")
		require.NotEqual(t, parsed(t, r, "mlflow", "MLFLOW_BACKEND_STORE_URI").Path, sessions.Path, "each has its own migrations")
		require.NotContains(t, environment(t, service(t, r, "mlflow")), "SESSION_TYPE", "the plugin does not read it")

		secure := parsed(t, r, "mlflow", "OIDC_REDIRECT_URI").Scheme == "https"
		require.Equal(t, fmt.Sprint(secure), variable(t, r, "mlflow", "SESSION_COOKIE_SECURE").Value, "a browser drops a cookie that does not fit the scheme")
		require.Equal(t, secure, strings.HasPrefix(variable(t, r, "mlflow", "SESSION_COOKIE_NAME").Text(), "__Host-"))
		require.Equal(t, "lax", variable(t, r, "mlflow", "SESSION_COOKIE_SAMESITE").Value, "strict loses the cookie on the redirect from Keycloak")
	})
}

// 9: the cache is at a different address.
func TestEleven09RedisIsReachedByTheNameItHas(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		cache := parsed(t, r, "mlflow", "CACHE_REDIS_URL")
		require.Equal(t, "redis", cache.Scheme)
		requireReaches(t, r, "mlflow", "redis", cache.Hostname())
		require.Equal(t, "6379", cache.Port())
		used, _ := cache.User.Password()
		require.True(t, variable(t, r, "redis", "REDIS_PASSWORD").Text() == used, "MLflow has another password than Redis")
		require.Equal(t, "redis", variable(t, r, "mlflow", "CACHE_BACKEND").Value, "in lower case, or the cache is left out in silence")
		for _, name := range []string{"REDIS_HOST", "REDIS_PORT", "REDIS_DB"} {
			require.NotContains(t, environment(t, service(t, r, "mlflow")), name, "the plugin does not read it")
		}
	})
}

// 10: no user may log in because the token contains no groups.
func TestEleven10TokensCarryTheGroupsWhereMLflowReadsThem(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		mapper := r.Get(t, mapperType, "realm-groups-mapper")
		require.Equal(t, variable(t, r, "mlflow", "OIDC_GROUPS_ATTRIBUTE").Value, input(t, mapper, "claimName").Value)
		for _, name := range []string{"addToIdToken", "addToAccessToken", "addToUserinfo"} {
			require.Equal(t, true, input(t, mapper, name).Value, name)
		}
		require.Equal(t, "realm-client-id", input(t, mapper, "clientId").Value, "the claim is in another client's tokens")
	})
}

// 11: no user may log in because "/mlflow-users" is not "mlflow-users".
func TestEleven11GroupNamesAreTheSameOnBothSides(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		member, admin := variable(t, r, "mlflow", "OIDC_GROUP_NAME").Text(), variable(t, r, "mlflow", "OIDC_ADMIN_GROUP_NAME").Text()
		require.NotEqual(t, member, admin, "every member would be an administrator")
		var made []string
		for _, group := range r.OfType(t, groupType) {
			made = append(made, input(t, group, "name").Text())
		}
		require.ElementsMatch(t, []string{member, admin}, made)
		require.Equal(t, false, input(t, r.Get(t, mapperType, "realm-groups-mapper"), "fullPath").Value, "with the path the claim is no group's name")
		require.Equal(t, member, r.Output(t, "realm.userGroup").Value)
		require.Equal(t, admin, r.Output(t, "realm.adminGroup").Value)
		if settings(t, stack).Realm.DemoUsers {
			require.Equal(t, admin, r.Output(t, "demoUsers[0].group").Value)
			require.Equal(t, member, r.Output(t, "demoUsers[1].group").Value)
			require.Empty(t, r.Output(t, "demoUsers[2].group").Value)
		}
	})
}
