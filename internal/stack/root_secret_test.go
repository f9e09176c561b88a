package stack

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

func TestRootSecretsAreKnownByTheirNumbers(t *testing.T) {
	root := func(name, value string) apitype.ResourceV3 {
		return apitype.ResourceV3{URN: urn(TypeRootSecret, name), Type: tokens.Type(TypeRootSecret), Outputs: map[string]any{"base64": secretValue(t, value)}}
	}
	known := State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		root("credentials-root-12", "twelfth"), root("credentials-root", "first"), root("something-else", "none of ours"),
		{URN: urn(TypeRootSecret, "credentials-root-2"), Type: tokens.Type(TypeRootSecret), Outputs: map[string]any{"base64": "not marked as a secret"}},
	}}}
	require.Equal(t, map[int]string{1: "first", 12: "twelfth"}, known.RootSecrets())
}

func TestTheLoginOfARefreshIsThatOfTheState(t *testing.T) {
	known := State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		{URN: urn(TypeKeycloakProvider, "realm-keycloak"), Type: tokens.Type(TypeKeycloakProvider), Inputs: map[string]any{
			"url": "http://127.0.0.1:8080", "clientId": "mlflow-sso", "clientSecret": secretValue(t, "previous"),
		}},
	}}}
	login, ok := known.KeycloakLogin()
	require.True(t, ok)
	require.Equal(t, outputs.Keycloak{AdminURL: "http://127.0.0.1:8080", Provider: outputs.Client{ID: "mlflow-sso", Secret: "previous"}}, login)
	_, ok = (&State{}).KeycloakLogin()
	require.False(t, ok, "there is no provider yet")
}

// secretValue returns a text in the format of an exported state.
func secretValue(t *testing.T, text string) map[string]any {
	t.Helper()
	plain, err := json.Marshal(text)
	require.NoError(t, err)
	return map[string]any{resource.SigKey: resource.SecretSig, "plaintext": string(plain)}
}
