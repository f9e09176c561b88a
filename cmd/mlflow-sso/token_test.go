package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

func askToken(t *testing.T, stack outputs.Stack, args ...string) (string, error) {
	t.Helper()
	command := newRootCommand(func(context.Context, stackFlags) (outputs.Stack, error) { return stack, nil })
	command.SetArgs(append([]string{"token"}, args...))
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetErr(io.Discard)
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

func TestATokenIsOfAnAccountThatThereIs(t *testing.T) {
	stack := outputs.Stack{Deployment: "d"}
	var misuse usageError
	_, err := askToken(t, stack, "ci")
	require.ErrorContains(t, err, "declare it in the setting serviceAccounts")
	require.True(t, errors.As(err, &misuse))

	stack.ServiceAccounts = []outputs.ServiceAccount{{Name: "night", Secret: "hidden"}, {Name: "ci", Secret: "hidden"}}
	_, err = askToken(t, stack, "c1")
	require.ErrorContains(t, err, `d has no service account "c1", want one of ci, night`)
	require.NotContains(t, err.Error(), "hidden")

	for _, args := range [][]string{{"token"}, {"token", "a", "b"}, {"token", "ci", "--output", "xml"}} {
		require.Equal(t, exitUsage, run(args, io.Discard, io.Discard), "%q", args)
	}
}

func TestAJobsCredentialsArePrintedWithoutContactingAService(t *testing.T) {
	stack := outputs.Stack{
		Deployment: "d", MLflow: outputs.MLflow{URL: "http://localhost:5000"}, Realm: outputs.Realm{Issuer: "http://localhost:1/realms/mlflow"},
		ServiceAccounts: []outputs.ServiceAccount{{Name: "ci", Secret: "the-secret"}},
	}
	out, err := askToken(t, stack, "ci", "--output", "env")
	require.NoError(t, err)
	require.Contains(t, out, "MLFLOW_SSO_CLIENT_SECRET=the-secret\n")

	out, err = askToken(t, stack, "ci")
	require.ErrorContains(t, err, "token of ci: ")
	require.Empty(t, out)
}
