package tests

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// The program writes the outputs and the tool reads them: both have the same keys.
func TestOutputsAreExactlyWhatTheToolReads(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		encoded, err := json.Marshal(r.ClearOutputs())
		require.NoError(t, err)
		decoder := json.NewDecoder(bytes.NewReader(encoded))
		decoder.DisallowUnknownFields()
		var read outputs.Stack
		require.NoError(t, decoder.Decode(&read))

		again, err := json.Marshal(read)
		require.NoError(t, err)
		var wrote, reads any
		require.NoError(t, json.Unmarshal(encoded, &wrote))
		require.NoError(t, json.Unmarshal(again, &reads))
		require.True(t, reflect.DeepEqual(reads, wrote), "the tool reads a key that the program does not write")

		require.Equal(t, settings(t, stack).Name, read.Deployment)
		require.Equal(t, settings(t, stack).Realm.DemoUsers, len(read.DemoUsers) > 0)
		for component, got := range map[string]string{
			"mlflow": read.MLflow.Container, "keycloak": read.Keycloak.Container, "postgres": read.Postgres.Container, "redis": read.Redis.Container,
		} {
			require.Equal(t, input(t, service(t, r, component), "name").Value, got)
		}
	})
}
