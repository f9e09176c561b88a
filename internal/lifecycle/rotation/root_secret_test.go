package rotation

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

func TestARootSecretIsReplacedOnlyWhereItIsMarkedAsASecret(t *testing.T) {
	secret := func(value string) string {
		encoded, err := json.Marshal(map[string]string{"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": `"` + value + `"`})
		require.NoError(t, err)
		return string(encoded)
	}
	resource := stack.Member{"outputs": json.RawMessage(`{"base64":` + secret("old") + `,"hex":` + secret("6f6c64") + `,"length":32}`)}
	require.NoError(t, setSecrets(resource, map[string]string{"base64": "new", "hex": "6e6577"}))
	require.JSONEq(t, `{"base64":`+secret("new")+`,"hex":`+secret("6e6577")+`,"length":32}`, string(resource["outputs"]))

	unmarked := stack.Member{"outputs": json.RawMessage(`{"base64":"old","hex":` + secret("6f6c64") + `}`)}
	err := setSecrets(unmarked, map[string]string{"base64": "new"})
	require.ErrorContains(t, err, "not marked as a secret")
	require.NotContains(t, err.Error(), "new")
}
