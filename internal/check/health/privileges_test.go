package health

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/privilege"
)

func TestAPrivilegeThatNoSettingDeclaresIsAFindingOfItsComponentWhereItIsADanger(t *testing.T) {
	d := a()
	seen := privilege.Inventory{
		Users: []privilege.User{{Username: "robot", Service: true, Admin: true, Tokens: 1}, {Username: "idle", Service: true}},
		Roles: []privilege.Role{{Name: "postgres", Powers: []string{"SUPERUSER"}}, {Name: "other", Login: true, Powers: []string{"SUPERUSER"}}, {Name: "idle"}},
		Patterns: []privilege.Pattern{
			{Of: "group", Name: "mlflow-users", Kind: "experiment", Regex: ".*", Permission: "MANAGE"}, {Of: "group", Name: "mlflow-users", Kind: "prompt", Regex: "x", Permission: "READ"},
		},
		Nested: []privilege.Member{{Group: "mlflow-users/mlflow-admins", Username: "mel"}}, SCIMTokens: []string{"directory"},
	}

	found := d.judgePrivileges(seen)

	require.Equal(t, []string{privilege.Administrator, privilege.NestedGroup, privilege.PatternID, privilege.PostgresRole, privilege.SCIMToken}, idsOf(found))
	for _, f := range found {
		require.NotEmpty(t, f.Fix)
		require.NotEqual(t, f.Summary, f.Cause, "each kind says what is wrong")
	}
	require.Equal(t, Realm, found[1].Component)
	require.Equal(t, Postgres, found[3].Component)
	require.Contains(t, found[3].Fix, `DROP ROLE "other"`)
}

func TestASuperuserRoleOfTheStackIsReportedOnceByTheRoleCheck(t *testing.T) {
	d := a()
	d.Environments["x-postgres"] = map[string]string{"POSTGRES_DATABASES": "mlflow keycloak"}

	require.Empty(t, d.judgePrivileges(privilege.Inventory{Roles: []privilege.Role{{Name: "mlflow", Login: true, Powers: []string{"SUPERUSER"}}}}))
	require.Len(t, d.judgePrivileges(privilege.Inventory{Roles: []privilege.Role{{Name: "mlflow", Login: true, Powers: []string{"CREATEROLE"}}}}), 1)
}
