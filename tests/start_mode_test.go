package tests

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

func TestKeycloakStartsInTheModeOfTheSettings(t *testing.T) {
	for stack, mode := range map[string]string{"dev": "development", "prod": "production"} {
		r, err := run(t, stack)
		require.NoError(t, err)
		require.Equal(t, mode, variable(t, r, "keycloak", "KEYCLOAK_START_MODE").Text(), "of %s", stack)
	}
}

func TestKeycloakStartsForProductionUnlessAskedOtherwise(t *testing.T) {
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	var keycloak map[string]any
	require.NoError(t, json.Unmarshal([]byte(values["mlflow-sso:keycloak"]), &keycloak))
	delete(keycloak, "startMode")
	encoded, err := json.Marshal(keycloak)
	require.NoError(t, err)
	values["mlflow-sso:keycloak"] = string(encoded)
	r, err := runWith(t, values)
	require.NoError(t, err)
	require.Equal(t, "production", variable(t, r, "keycloak", "KEYCLOAK_START_MODE").Text())
}
