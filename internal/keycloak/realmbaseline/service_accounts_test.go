package realmbaseline

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// accountExport is the export of a realm with service accounts.
func accountExport(t *testing.T, group string, ids ...string) document {
	t.Helper()
	clients, users := `{"clientId":"mlflow","consentRequired":false}`, ""
	for _, id := range ids {
		clients += fmt.Sprintf(`,{"clientId":%[1]q,"name":"service account %[1]s","consentRequired":false}`, id)
		users += fmt.Sprintf(`,{"username":"service-account-%[1]s","serviceAccountClientId":%[1]q`, id)
		if group != "" {
			users += fmt.Sprintf(`,"groups":[%q]`, "/"+group)
		}
		users += "}"
	}
	return flat(t, `{"clients":[`+clients+`],"users":[`+users[1:]+`],"clientScopes":[{"name":"mlflow-machine","protocol":"openid-connect"}]}`)
}

func TestEveryServiceAccountIsComparedWithTheOneOfTheBaseline(t *testing.T) {
	base := accountExport(t, "mlflow-users", "ci")
	one := takeMachines(base, []string{"ci"})
	require.Len(t, base, 2, "of the rest nothing is taken")
	require.Contains(t, one, "clients / {account} / consentRequired")

	stack := outputs.Stack{ServiceAccounts: []outputs.ServiceAccount{{Name: "night", Groups: []string{"mlflow-users"}}, {Name: "day"}}}
	ours := func(d document) document {
		maps.DeleteFunc(d, func(path string, _ json.RawMessage) bool { return refreshCoversAccount(path, stack) })
		return d
	}
	delete(one, "users / service-account-{account} / groups") // as in pulumisOfAccounts
	want := machines(one, stack)
	maps.Copy(want, base)
	alone := accountExport(t, "", "night", "day")
	require.Empty(t, said(compare(ours(alone), want)))

	require.Equal(t, []string{
		"realm clients new: not created by the stack; remove it in Keycloak's console if no one needs it",
		"realm users service-account-new: not created by the stack; remove it in Keycloak's console if no one needs it",
	}, said(compare(ours(accountExport(t, "", "night", "day", "new")), want)))
	require.Equal(t, []string{
		`realm users service-account-day: changed manually; groups: got ["/mlflow-admins"], want none; put it back as it was in Keycloak's console`,
	}, said(compare(ours(accountExport(t, "mlflow-admins", "night", "day")), want)), "of groups that it gives Pulumi reports")
	require.Empty(t, withoutMissing(compare(base, want), "night", "day"), "Pulumi reports that they are gone")
}

func TestTheBaselineHasAServiceAccount(t *testing.T) {
	want, err := baseline()
	require.NoError(t, err)
	require.JSONEq(t, `false`, string(want.Machine["clients / {account} / consentRequired"]))
	for path, value := range want.Machine {
		require.False(t, reportedByOthers(path, anyAccount), path)
		require.NotContains(t, path, " secret")
		require.NotContains(t, string(value), "ci", "the account's own name, in %s", path)
	}
}
