package tests

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

const (
	scopeType         = "keycloak:openid/clientScope:ClientScope"
	defaultScopesType = "keycloak:openid/clientDefaultScopes:ClientDefaultScopes"
	userGroupsType    = "keycloak:index/userGroups:UserGroups"
)

// recordMachines records dev with two service accounts, one of them an administrator whose secret
// was rotated.
func recordMachines(t *testing.T) *pulumimock.Recording {
	t.Helper()
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	values["mlflow-sso:serviceAccounts"] = `[{"name":"ci","groups":["mlflow-users"],"tokenMinutes":2},{"name":"boss","groups":["mlflow-admins"],"admin":true}]`
	values["mlflow-sso:credentials"] = `{"generations":{"service-account/boss":2}}`
	r, err := runWith(t, values, pulumimock.Compute(clientType, func(name string, _ resource.PropertyMap) resource.PropertyMap {
		return resource.PropertyMap{"serviceAccountUserId": resource.NewProperty(name + "-subject")}
	}))
	require.NoError(t, err)
	return r
}

func TestAServiceAccountHasOneWayToATokenAndThatIsItsSecret(t *testing.T) {
	r := recordMachines(t)
	for name, lifespan := range map[string]string{"ci": "120", "boss": "600"} {
		client := r.Get(t, clientType, "realm-machine-"+name)
		for path, want := range map[string]any{
			"clientId": name, "accessType": "CONFIDENTIAL", "serviceAccountsEnabled": true, "standardFlowEnabled": false,
			"implicitFlowEnabled": false, "directAccessGrantsEnabled": false, "fullScopeAllowed": false, "accessTokenLifespan": lifespan,
		} {
			require.Equal(t, want, input(t, client, path).Value, "%s of %s", path, name)
		}
		require.False(t, client.Has("validRedirectUris[0]"))
		require.NotEqual(t, true, input(t, r.Get(t, clientType, "realm-client"), "serviceAccountsEnabled").Value, "MLflow's own client is for people")
	}
}

func TestTokensOfServiceAccountsAreForMLflowAndSayNoAddress(t *testing.T) {
	r := recordMachines(t)
	scope := r.Get(t, scopeType, "realm-machine-scope")
	audience, groups := r.Get(t, audienceType, "realm-machine-audience-mapper"), r.Get(t, mapperType, "realm-machine-groups-mapper")
	require.Equal(t, variable(t, r, "mlflow", "OIDC_AUDIENCE").Value, input(t, audience, "includedClientAudience").Value)
	require.Equal(t, variable(t, r, "mlflow", "OIDC_GROUPS_ATTRIBUTE").Value, input(t, groups, "claimName").Value)
	require.Equal(t, false, input(t, groups, "fullPath").Value)
	for _, mapper := range []pulumimock.Resource{audience, groups} {
		require.Equal(t, scope.Name+"-id", input(t, mapper, "clientScopeId").Value)
		require.Equal(t, true, input(t, mapper, "addToAccessToken").Value)
		// verify sends MLflow a token for another audience.
		require.Equal(t, false, input(t, mapper, "addToIdToken").Value)
	}
	for _, name := range []string{"ci", "boss"} {
		scopes := r.Get(t, defaultScopesType, "realm-machine-"+name+"-scopes")
		var got []string
		for _, leaf := range scopes.Leaves() {
			if strings.HasPrefix(leaf.Path, "defaultScopes[") {
				got = append(got, leaf.Text())
			}
		}
		slices.Sort(got)
		require.Equal(t, []string{"basic", input(t, scope, "name").Text(), "profile", "service_account"}, got)
	}
}

func TestAServiceAccountIsInItsGroupsAndInNoOther(t *testing.T) {
	r := recordMachines(t)
	for name, group := range map[string]string{"ci": "mlflow-users", "boss": "mlflow-admins"} {
		groups := r.Get(t, userGroupsType, "realm-machine-"+name+"-groups")
		require.Equal(t, "realm-machine-"+name+"-subject", input(t, groups, "userId").Value)
		require.Equal(t, "realm-group-"+group+"-id", input(t, groups, "groupIds[0]").Value)
		require.False(t, groups.Has("groupIds[1]"))
		require.Equal(t, true, input(t, groups, "exhaustive").Value)
	}
}

// MLflow's own container does not get it, and no other account does.
func TestTheSecretOfAServiceAccountReachesOnlyKeycloakAndItsOwner(t *testing.T) {
	r := recordMachines(t)
	for place, name := range []string{"ci", "boss"} {
		key, err := credentials.Derive(fakeRoot, credentials.ServiceAccount(name), 1+place)
		require.NoError(t, err)
		secret := base64.RawURLEncoding.EncodeToString(key)
		var readers []string
		look := func(whose string, leaves []pulumimock.Leaf) {
			for _, leaf := range leaves {
				if strings.Contains(leaf.Text(), secret) && (whose != proofName || leaf.Path != loginproof.Outputs) {
					require.True(t, leaf.Secret, "%s %s holds it and is not marked", whose, leaf.Path)
					readers = append(readers, whose+" "+leaf.Path)
				}
			}
		}
		for _, made := range r.Resources {
			look(made.Name, made.Leaves())
			look("outputs of "+made.Name, made.Registered())
		}
		look("output", r.Outputs())
		require.Equal(t, []string{"realm-machine-" + name + " clientSecret", []string{"output serviceAccounts[0].secret", "output serviceAccounts[1].secret"}[place]}, readers)
	}
}

func TestAStackWithoutServiceAccountsHasNothingOfThem(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, made := range r.Resources {
			require.NotContains(t, made.Name, "machine")
		}
	})
	r := recordMachines(t)
	for _, name := range []string{"ci", "boss"} {
		require.Len(t, slices.DeleteFunc(slices.Clone(r.Resources), func(made pulumimock.Resource) bool {
			return !strings.HasPrefix(made.Name, "realm-machine-"+name)
		}), 4, "the client, its two lists of scopes, and its groups")
	}
}
