package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

const someOutputs = `{"deployment":"d","mlflow":{"url":"http://localhost:5000"},"realm":{"issuer":"http://localhost:8080/realms/mlflow"},
	"keycloak":{"admin":{"username":"admin","password":"hidden"}}}`

func TestOutputsAreReadOnlyWhenTheyAreComplete(t *testing.T) {
	stack, err := readOutputs(strings.NewReader(someOutputs), "here")
	require.NoError(t, err)
	require.Equal(t, "hidden", stack.Keycloak.Admin.Password)

	for text, wanted := range map[string]string{
		`{"deployment":"d","keycloak":"[secret]"}`: "--show-secrets",
		`{}`:                    "the stack is not deployed",
		``:                      "no stack outputs",
		`{"deployment": hidden`: "no stack outputs",
	} {
		_, err := readOutputs(strings.NewReader(text), "here")
		require.ErrorContains(t, err, wanted)
		require.ErrorContains(t, err, "here")
	}
}

// stackGiven runs only the choice of a stack, without a Docker daemon.
func stackGiven(t *testing.T, file, input string) (outputs.Stack, error) {
	t.Helper()
	command := newVerifyCommand(&stackFlags{}, nil)
	command.SetContext(t.Context())
	command.SetIn(strings.NewReader(input))
	return stackToVerify(command, func(_ context.Context, which stackFlags) (outputs.Stack, error) {
		return outputs.Stack{Deployment: "from pulumi: " + which.name}, nil
	}, stackFlags{name: "dev"}, file)
}

func TestAFileOfOutputsComesBeforePulumi(t *testing.T) {
	stack, err := stackGiven(t, "", "")
	require.NoError(t, err)
	require.Equal(t, "from pulumi: dev", stack.Deployment)

	stack, err = stackGiven(t, "-", someOutputs)
	require.NoError(t, err)
	require.Equal(t, "d", stack.Deployment)

	path := filepath.Join(t.TempDir(), "outputs.json")
	require.NoError(t, os.WriteFile(path, []byte(someOutputs), 0o600))
	stack, err = stackGiven(t, path, "")
	require.NoError(t, err)
	require.Equal(t, "d", stack.Deployment)

	_, err = stackGiven(t, path+".none", "")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestArgumentsThatMakeNoSenseAreMisuse(t *testing.T) {
	for _, args := range [][]string{{"verify", "prod"}, {"verify", "--output", "yaml"}, {"verify", "--nonsense"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(args, &stdout, &stderr), "%q", args)
		require.Empty(t, stdout.String())
		require.Contains(t, stderr.String(), "error: ")
	}
}
