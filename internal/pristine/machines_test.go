package pristine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/outputs"
)

// accountExport is a realm with service accounts in it.
func accountExport(t *testing.T, group string, ids ...string) document {
	t.Helper()
	clients, users := `{"clientId":"mlflow","consentRequired":false}`, ""
	for _, id := range ids {
		clients += fmt.Sprintf(`,{"clientId":%[1]q,"name":"service account %[1]s","consentRequired":false}`, id)
		users += fmt.Sprintf(`,{"username":"service-account-%[1]s","serviceAccountClientId":%[1]q,"groups":[%[2]q]}`, id, "/"+group)
	}
	return flat(t, `{"clients":[`+clients+`],"users":[`+users[1:]+`],"clientScopes":[{"name":"mlflow-machine","protocol":"openid-connect"}]}`)
}

func TestEveryServiceAccountIsComparedWithTheOneOfTheBaseline(t *testing.T) {
	base := accountExport(t, "mlflow-users", "ci")
	one := takeMachines(base, []string{"ci"})
	require.Len(t, base, 2, "of the rest nothing is taken")
	require.Contains(t, one, "clients / {account} / consentRequired")

	stack := outputs.Stack{ServiceAccounts: []outputs.ServiceAccount{{Name: "night", Groups: []string{"mlflow-users"}}, {Name: "day", Groups: []string{"mlflow-users"}}}}
	want, err := machines(one, stack)
	require.NoError(t, err)
	for path, value := range base {
		want[path] = value
	}
	require.Empty(t, said(compare(accountExport(t, "mlflow-users", "night", "day"), want)))

	require.Equal(t, []string{
		"realm clients new: not made by the stack; remove it in Keycloak's console if nobody needs it",
		"realm users service-account-new: not made by the stack; remove it in Keycloak's console if nobody needs it",
	}, said(compare(accountExport(t, "mlflow-users", "night", "day", "new"), want)))
	require.Equal(t, []string{
		`realm users service-account-day: changed by hand; groups: got ["/mlflow-admins"], want ["/mlflow-users"]; put it back as it was in Keycloak's console`,
		`realm users service-account-night: changed by hand; groups: got ["/mlflow-admins"], want ["/mlflow-users"]; put it back as it was in Keycloak's console`,
	}, said(compare(accountExport(t, "mlflow-admins", "night", "day"), want)))
	require.Empty(t, withoutGone(compare(base, want), "night", "day"), "Pulumi tells that they are gone")
}

func TestTheBaselineHasAServiceAccount(t *testing.T) {
	want, err := baseline()
	require.NoError(t, err)
	require.JSONEq(t, `false`, string(want.Machine["clients / {account} / consentRequired"]))
	for path, value := range want.Machine {
		require.False(t, elsewhere(path, anyAccount), path)
		require.NotContains(t, path, " secret")
		require.NotContains(t, string(value), "ci", "the account's own name, in %s", path)
	}
}
