package login

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

func tokenOf(sub, audience string) string {
	claims := fmt.Sprintf(`{"iss":"i","sub":%q,"preferred_username":"service-account-ci","aud":%s}`, sub, audience)
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// A refusal of another account's token, or of one for MLflow, would prove nothing.
func TestARefusalCountsOnlyForATokenOfTheSameAccountForAnotherAudience(t *testing.T) {
	stack := outputs.Stack{Realm: outputs.Realm{ClientID: "mlflow"}}
	own := tokenOf("1", `"mlflow"`)
	require.NoError(t, judgeOther(stack, own, tokenOf("1", `"ci"`)))
	for _, other := range []string{tokenOf("2", `"ci"`), tokenOf("1", `["ci","mlflow"]`), "opaque", "a.!.b"} {
		require.ErrorIs(t, judgeOther(stack, own, other), check.ErrNotRun)
	}
	require.ErrorIs(t, judgeOther(stack, tokenOf("1", `"account"`), tokenOf("1", `"ci"`)), check.ErrNotRun)
}

func TestAnAccountHasTheRoleInTheStackFile(t *testing.T) {
	account := outputs.ServiceAccount{Name: "ci", Username: "service-account-ci"}
	right := knownAs{Username: "service-account-ci", Service: true}
	require.NoError(t, judgeAccount(account, http.StatusOK, right))
	require.ErrorContains(t, judgeAccount(account, http.StatusUnauthorized, knownAs{}), "got 401 for a new token of ci, wanted 200")
	for _, wrong := range []knownAs{
		{Username: "service-account-ci", Service: true, Admin: true},
		{Username: "service-account-ci"},
		{Username: "another", Service: true},
	} {
		require.Error(t, judgeAccount(account, http.StatusOK, wrong))
	}
}

func TestOnlyAStackWithServiceAccountsHasTheirChecks(t *testing.T) {
	require.NotContains(t, names(outputs.Stack{}), "service-accounts")
	names := names(outputs.Stack{ServiceAccounts: []outputs.ServiceAccount{{Name: "ci"}}})
	require.Equal(t, []string{"service-accounts", "other-audience", "cleanup"}, names[len(names)-3:])
}
