package rotation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

func TestAGenerationNeverDecreasesWhileItIsInUse(t *testing.T) {
	had := outputs.CredentialVersions{Root: 2, Generations: []outputs.Generation{{Label: "redis/default", Generation: 3}}}
	always := func(credentials.Label) bool { return true }
	require.NoError(t, rejectDecrease(had, 2, map[credentials.Label]int{credentials.Redis: 3}, always))
	require.NoError(t, rejectDecrease(had, 3, map[credentials.Label]int{credentials.Redis: 4}, always))
	require.NoError(t, rejectDecrease(outputs.CredentialVersions{}, 1, nil, always), "a stack of an earlier version does not say")
	require.ErrorContains(t, rejectDecrease(had, 1, map[credentials.Label]int{credentials.Redis: 3}, always), "credentials.root: got 1, want 2 or more")
	require.ErrorContains(t, rejectDecrease(had, 2, map[credentials.Label]int{credentials.Redis: 2}, always), "credentials.generations.redis/default: got 2, want 3 or more")
	require.ErrorContains(t, rejectDecrease(had, 2, nil, always), "got 1, want 3 or more")
	require.NoError(t, rejectDecrease(had, 2, nil, func(credentials.Label) bool { return false }), "a service that is now someone else's")
}
