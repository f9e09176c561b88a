package reconcile

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// Before a rotation, data is correctly encrypted with the keys of the last update.
func TestDataIsComparedWithTheKeysOfTheLastUpdateAndNotWithThoseOfTheSettings(t *testing.T) {
	deployed := outputs.Stack{CredentialVersions: outputs.CredentialVersions{Root: 2, Generations: []outputs.Generation{{Label: "mlflow/gateway-key", Generation: 3}}}}
	keys := keysOf(deployed, map[int]string{1: "a", 2: "b", 3: "made by this update"})
	require.Equal(t, "2.3", keys.Version(credentials.MLflowGateway))
	require.Equal(t, "2.1", keys.Version(credentials.MLflowWebhooks))
	require.Equal(t, "1.1", keysOf(outputs.Stack{}, nil).Version(credentials.MLflowGateway), "a stack of an earlier version does not say")
}
