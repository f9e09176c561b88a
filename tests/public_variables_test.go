package tests

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/containerenv"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// settingsOfVariables record the program with every setting that adds variables.
func settingsOfVariables(t *testing.T) []*pulumimock.Recording {
	t.Helper()
	all := []*pulumimock.Recording{recordExternal(t, allExternal...), recordOutgoing(t), recordKeeping(t, true), recordKeeping(t, false, allExternal...)}
	for _, stack := range stacks {
		r, err := run(t, stack)
		require.NoError(t, err)
		all = append(all, r)
	}
	return all
}

// A preview shows the values of these variables, in a pull request too.
func TestAVariableWhoseValueIsShownIsNeverASecret(t *testing.T) {
	plain, secret := map[string]string{}, map[string]string{}
	for _, r := range settingsOfVariables(t) {
		for _, made := range r.OfType(t, containerType) {
			for name, leaf := range environment(t, made) {
				if leaf.Secret {
					secret[name] = made.Name
				} else {
					plain[name] = made.Name
				}
			}
		}
	}
	require.Greater(t, len(secret), 15, "found hardly any secret: this test tests nothing")
	for name, of := range secret {
		require.False(t, containerenv.Public(name), "%s of %s is a secret, and a preview shows it", name, of)
	}
	for name, of := range plain {
		require.True(t, containerenv.Public(name), "%s of %s is no secret: list it in package containerenv, so that a preview shows it", name, of)
	}
	noSecrets := []string{"AWS_ACCESS_KEY_ID", "CACHE_KEY_PREFIX"} // half of a login, and the beginning of names in Redis
	for _, name := range containerenv.Names() {
		require.True(t, !secretName.MatchString(name) || slices.Contains(noSecrets, name), "%s is named like a secret", name)
	}
}
