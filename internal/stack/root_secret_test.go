package stack

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/require"
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

func TestASecretThatTheStateAsksWithAndThatIsRotatedIsSeen(t *testing.T) {
	known := State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		{URN: urn(TypeKeycloakProvider, "realm-keycloak"), Type: tokens.Type(TypeKeycloakProvider), Inputs: map[string]any{"clientSecret": secretValue(t, "of before")}},
	}}}
	require.True(t, known.ProviderSecretOutdated("of now"))
	require.False(t, known.ProviderSecretOutdated("of before"))
	require.False(t, (&State{}).ProviderSecretOutdated("of now"), "there is nobody to ask yet")
}

// secretValue is a text as an exported state has it.
func secretValue(t *testing.T, text string) map[string]any {
	t.Helper()
	plain, err := json.Marshal(text)
	require.NoError(t, err)
	return map[string]any{resource.SigKey: resource.SecretSig, "plaintext": string(plain)}
}
