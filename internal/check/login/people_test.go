package login

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

func names(stack outputs.Stack) []string {
	var all []string
	for _, id := range Suite(stack, nil).IDs() {
		all = append(all, string(id))
	}
	return all
}

// everything is a stack with every part that has checks of its own.
func everything() outputs.Stack {
	stack := external()
	stack.Edge = outputs.Edge{Container: "lab-edge"}
	stack.ServiceAccounts = []outputs.ServiceAccount{{Name: "ci"}}
	stack.IdentityProviders = []outputs.IdentityProvider{{}}
	return stack
}

func TestEveryCheckCanRunAndHasADescriptionAndANextStep(t *testing.T) {
	for _, stack := range []outputs.Stack{{}, everything()} {
		suite := Suite(stack, nil)
		require.Empty(t, suite.Validate())
		for _, c := range suite.Checks {
			require.NotEmpty(t, c.Next, c.ID)
			require.NotEmpty(t, c.About, c.ID)
		}
		require.Equal(t, Cleanup, suite.Checks[len(suite.Checks)-1].ID)
	}
	require.Len(t, Suite(everything(), nil).Checks, len(about), "a check has a description and is in no stack")
}

func TestDemoUsersWithoutOneOfEachKindProveNothing(t *testing.T) {
	stack := outputs.Stack{
		Realm: outputs.Realm{AdminGroup: "mlflow-admins", UserGroup: "mlflow-users"},
		DemoUsers: []outputs.User{
			{Username: "ada", Group: "mlflow-admins"}, {Username: "abe", Group: "mlflow-admins"}, {Username: "otto"}, {Username: "mel", Group: "mlflow-users"}, {Username: "mia", Group: "mlflow-users"},
		},
	}
	p := newProof(stack, nil)
	require.NoError(t, p.chooseDemoUsers())
	require.Equal(t, []string{"ada", "mel", "otto"}, []string{p.Admin.Username, p.Member.Username, p.outsider.Username})

	stack.DemoUsers = stack.DemoUsers[:3]
	require.ErrorIs(t, newProof(stack, nil).chooseDemoUsers(), check.ErrNotRun)
}
