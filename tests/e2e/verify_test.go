//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/login"
)

func prove(t *testing.T, stack outputs.Stack) check.Report {
	t.Helper()
	return login.Run(t.Context(), stack, openEngine(t), check.Observer{Ended: func(c check.Result) {
		t.Logf("%-18s %-8s %5.1fs %s%s %s", c.ID, c.Status, c.Took.Seconds(), c.Detail, c.Reason, c.Got)
	}})
}

// fallen are the names of the checks that did not pass.
func fallen(r check.Report, status check.Status) []string {
	names := []string{}
	for _, c := range r.Checks {
		if c.Status == status {
			names = append(names, string(c.ID))
		}
	}
	return names
}

func requireAllPassed(t *testing.T, r check.Report) {
	t.Helper()
	require.GreaterOrEqual(t, len(r.Checks), len(login.Suite(outputs.Stack{}, nil).Checks))
	require.Empty(t, fallen(r, check.StatusFailed))
	require.Empty(t, fallen(r, check.StatusNotRun))
	require.True(t, r.OK())
}

func TestEveryCheckPassesOnAStackThatIsUp(t *testing.T) {
	requireAllPassed(t, prove(t, runningStack(t)))
}

func TestNoSecretOfTheStackIsInAReport(t *testing.T) {
	stack := runningStack(t)

	shown, err := json.Marshal(prove(t, stack))

	require.NoError(t, err)
	secrets := []string{stack.Keycloak.Admin.Password, stack.Keycloak.Provider.Secret}
	for _, user := range stack.DemoUsers {
		secrets = append(secrets, user.Password)
	}
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		require.False(t, strings.Contains(string(shown), secret), "a secret is in the report")
	}
}

// Without demo users the proof creates its own users and leaves none behind.
func TestAStackWithoutDemoUsersIsVerifiedByTemporaryUsers(t *testing.T) {
	stack := runningStack(t)
	stack.DemoUsers = nil
	before := temporaryUsers(t, stack)

	got := prove(t, stack)

	requireAllPassed(t, got)
	require.Equal(t, before, temporaryUsers(t, stack))
}

func TestAnInterruptedProofLeavesNoUsers(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	stack.DemoUsers = nil
	before := temporaryUsers(t, stack)
	ctx, interrupt := context.WithCancel(t.Context())

	got := login.Run(ctx, stack, openEngine(t), check.Observer{Ended: func(c check.Result) {
		if c.ID == "login-admin" {
			interrupt()
		}
	}})

	require.False(t, got.OK())
	require.Contains(t, fallen(got, check.StatusNotRun), "login-member")
	require.Empty(t, fallen(got, check.StatusFailed))
	require.Equal(t, check.StatusPassed, got.Checks[len(got.Checks)-1].Status)
	require.Equal(t, before, temporaryUsers(t, stack))
}

// temporaryUsers are the users that a proof created, in Keycloak and in MLflow.
func temporaryUsers(t *testing.T, stack outputs.Stack) []string {
	t.Helper()
	client, token := keycloakAdmin(t, stack)
	users, err := client.GetUsers(t.Context(), token, stack.Realm.Name, gocloak.GetUsersParams{Search: gocloak.StringP("mlflow-sso-verify-"), Max: gocloak.IntP(500)})
	require.NoError(t, err)
	var names []string
	for _, user := range users {
		names = append(names, "keycloak: "+gocloak.PString(user.Username))
	}
	script := `
from mlflow_oidc_auth.store import store
for row in store.list_user_details()[1]:
    if row["username"].startswith("mlflow-sso-verify-"):
        print("mlflow: " + row["username"])
`
	listed, err := openEngine(t).Exec(t.Context(), stack.MLflow.Container, []string{"python", "-c", script})
	require.NoError(t, err)
	require.NoError(t, listed.Err())
	names = append(names, strings.Fields(strings.ReplaceAll(listed.Stdout, "mlflow: ", "mlflow:"))...)
	slices.Sort(names)
	return names
}

func keycloakAdmin(t *testing.T, stack outputs.Stack) (*gocloak.GoCloak, string) {
	t.Helper()
	client := gocloak.NewClient(stack.Keycloak.AdminURL)
	token, err := client.LoginClient(context.Background(), stack.Keycloak.Provider.ID, stack.Keycloak.Provider.Secret, "master")
	require.NoError(t, err)
	return client, token.AccessToken
}

func TestAProofEndsEverySessionThatItBegan(t *testing.T) {
	stack := runningStack(t)
	count := func() (total int) {
		client, token := keycloakAdmin(t, stack)
		for _, user := range stack.DemoUsers {
			sessions, err := client.GetUserSessions(t.Context(), token, stack.Realm.Name, userID(t, stack, stack.Realm.Name, user.Username))
			require.NoError(t, err)
			total += len(sessions)
		}
		return total
	}
	before := count()

	prove(t, stack)

	require.Equal(t, before, count())
}
