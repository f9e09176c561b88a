package tests

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// withStandingAdmin records a stack file with that one setting changed.
func withStandingAdmin(t *testing.T, stack string, stands bool) *pulumimock.Recording {
	t.Helper()
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi."+stack+".yaml"))
	require.NoError(t, err)
	var keycloak map[string]any
	require.NoError(t, json.Unmarshal([]byte(values["mlflow-sso:keycloak"]), &keycloak))
	keycloak["permanentAdmin"] = stands
	changed, err := json.Marshal(keycloak)
	require.NoError(t, err)
	values["mlflow-sso:keycloak"] = string(changed)
	r, err := runWith(t, values)
	require.NoError(t, err)
	return r
}

func TestNoPermanentAdministratorExistsUnlessConfigured(t *testing.T) {
	for _, stack := range stacks {
		t.Run(stack, func(t *testing.T) {
			with, without := withStandingAdmin(t, stack, true), withStandingAdmin(t, stack, false)

			require.Equal(t, "admin", variable(t, with, "keycloak", "KC_BOOTSTRAP_ADMIN_USERNAME").Text())
			require.Equal(t, "admin", with.Output(t, "keycloak.admin.username").Text())
			require.Equal(t, password(t, credentials.KeycloakAdmin), with.Output(t, "keycloak.admin.password").Text())

			for name := range environment(t, service(t, without, "keycloak")) {
				require.NotContains(t, []string{"KC_BOOTSTRAP_ADMIN_USERNAME", "KC_BOOTSTRAP_ADMIN_PASSWORD"}, name)
			}
			require.Empty(t, without.Output(t, "keycloak.admin.username").Text())
			require.Empty(t, without.Output(t, "keycloak.admin.password").Text())
			for _, found := range findings(t, without) {
				require.NotEqual(t, credentials.KeycloakAdmin, found.label, "%s contains the password of a missing administrator", found.where)
			}
			// The program itself still reaches Keycloak.
			require.Equal(t, "mlflow-sso", variable(t, without, "keycloak", "KC_BOOTSTRAP_ADMIN_CLIENT_ID").Text())
		})
	}
}

// Two different settings of Keycloak control the retention of login and admin events, and the
// tool sets a third for realm master.
func TestEventsOfEitherKindAreKeptForTheSameTime(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		want := int(settings(t, stack).Realm.EventsExpiration.Seconds())
		events := r.Get(t, eventsType, "realm-events")
		for _, kind := range []string{"eventsEnabled", "adminEventsEnabled", "adminEventsDetailsEnabled"} {
			require.Equal(t, true, input(t, events, kind).Value, kind)
		}
		require.EqualValues(t, want, input(t, events, "eventsExpiration").Value)
		require.Equal(t, strconv.Itoa(want), input(t, r.Get(t, realmType, "realm-realm"), "attributes.adminEventsExpiration").Text())
		require.EqualValues(t, want, r.Output(t, "realm.eventsExpiration").Value)
	})
}
