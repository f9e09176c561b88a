package idpcheck

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// A changed key or endpoint of a provider locks its users out.
func TestAProviderWithDifferentMetadataIsNamedWithTheDifferences(t *testing.T) {
	kept := map[string]string{
		"issuer": "https://a.example", "authorizationUrl": "https://a.example/a", "tokenUrl": "https://a.example/t", "jwksUrl": "https://a.example/k",
		"clientId": "ours",
	}
	require.Empty(t, judge(outputs.IdentityProvider{Alias: "a", Kind: "oidc"}, "", kept, kept))
	for _, key := range []string{"issuer", "authorizationUrl", "tokenUrl", "jwksUrl"} {
		says := maps.Clone(kept)
		says[key] = "https://b.example"
		found := judge(outputs.IdentityProvider{Alias: "a", Kind: "oidc"}, "", kept, says)
		require.Len(t, found, 1, key)
		require.Equal(t, Differs, found[0].ID)
		require.Contains(t, found[0].What, key)
		require.Equal(t, "https://b.example", found[0].Got)
		require.Equal(t, kept[key], found[0].Wanted)
	}
	says := maps.Clone(kept)
	says["clientId"] = ""
	require.Empty(t, judge(outputs.IdentityProvider{Alias: "a", Kind: "oidc"}, "", kept, says), "what is this stack's is none of the provider's")
}
