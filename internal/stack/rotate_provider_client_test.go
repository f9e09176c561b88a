package stack

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// secretValue is a text as an exported state has it.
func secretValue(t *testing.T, text string) map[string]any {
	t.Helper()
	plain, err := json.Marshal(text)
	require.NoError(t, err)
	return map[string]any{resource.SigKey: resource.SecretSig, "plaintext": string(plain)}
}

func TestAGenerationNeverGoesBackWhileSomebodyHasIt(t *testing.T) {
	had := outputs.CredentialVersions{Root: 2, Generations: []outputs.Generation{{Label: "redis/default", Generation: 3}}}
	always := func(credentials.Label) bool { return true }
	require.NoError(t, lowered(had, 2, map[credentials.Label]int{credentials.Redis: 3}, always))
	require.NoError(t, lowered(had, 3, map[credentials.Label]int{credentials.Redis: 4}, always))
	require.NoError(t, lowered(outputs.CredentialVersions{}, 1, nil, always), "a stack of an earlier version does not say")
	require.ErrorContains(t, lowered(had, 1, map[credentials.Label]int{credentials.Redis: 3}, always), "credentials.root: got 1, want 2 or more")
	require.ErrorContains(t, lowered(had, 2, map[credentials.Label]int{credentials.Redis: 2}, always), "credentials.generations.redis/default: got 2, want 3 or more")
	require.ErrorContains(t, lowered(had, 2, nil, always), "got 1, want 3 or more")
	require.NoError(t, lowered(had, 2, nil, func(credentials.Label) bool { return false }), "a service that is now somebody else's")
}

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

func TestASecretThatTheStateAsksWithAndThatIsTurnedIsSeen(t *testing.T) {
	known := State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		{URN: urn(TypeKeycloakProvider, "realm-keycloak"), Type: tokens.Type(TypeKeycloakProvider), Inputs: map[string]any{"clientSecret": secretValue(t, "of before")}},
	}}}
	require.True(t, known.ProviderSecretOutdated("of now"))
	require.False(t, known.ProviderSecretOutdated("of before"))
	require.False(t, (&State{}).ProviderSecretOutdated("of now"), "there is nobody to ask yet")
}
