package tests

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

const proofName = "platform-login-proof"

// triggersOf are the digests of a recorded stack's proof.
func triggersOf(t *testing.T, r *pulumimock.Recording) map[string]string {
	t.Helper()
	digests := map[string]string{}
	for _, leaf := range r.Get(t, loginproof.TypeToken, proofName).Leaves() {
		if name, ok := strings.CutPrefix(leaf.Path, loginproof.Triggers+"."); ok {
			require.True(t, leaf.Secret, "a password could be guessed from the digest of %s", name)
			digests[name] = leaf.Text()
		}
	}
	require.NotEmpty(t, digests)
	return digests
}

func TestTheProofComesLast(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		needed := needs(r, loginproof.TypeToken+"::"+proofName)
		for _, made := range r.Resources {
			if made.Custom && made.Name != proofName {
				require.Contains(t, needed, made.Key())
			}
		}
	})
}

func TestTheProofIsGivenTheOutputsAsOneSecret(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		given := input(t, r.Get(t, loginproof.TypeToken, proofName), loginproof.Outputs)
		require.True(t, given.Secret)
		outputs, err := json.Marshal(r.ClearOutputs())
		require.NoError(t, err)
		require.JSONEq(t, string(outputs), given.Text())
	})
}

// Each change is one that an operator makes in a stack file.
func TestTheProofIsOutdatedByAChangeOfWhateverItDependsOn(t *testing.T) {
	before, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	record := func(t *testing.T, values map[string]string, options ...pulumimock.Option) map[string]string {
		t.Helper()
		r, err := runWith(t, values, options...)
		require.NoError(t, err)
		return triggersOf(t, r)
	}
	was := record(t, before)
	require.Equal(t, was, record(t, before), "nothing has changed")

	for name, test := range map[string]struct {
		key, member string
		value       any
		want        []string
	}{
		"a container":       {"mlflow", "workers", 1, []string{"mlflow"}},
		"the realm":         {"realm", "accessTokenLifespan", "1h", []string{"realm"}},
		"a password":        {"credentials", "generations", map[string]int{"demo/member": 2}, []string{"realm"}},
		"a shared password": {"credentials", "generations", map[string]int{"redis/default": 2}, []string{"mlflow", "redis"}},
		"identity sync":     {"identitySync", "interval", "30s", []string{"keeper"}},
	} {
		t.Run(name, func(t *testing.T) {
			values, object := maps.Clone(before), map[string]any{}
			if text, set := values["mlflow-sso:"+test.key]; set {
				require.NoError(t, json.Unmarshal([]byte(text), &object))
			}
			object[test.member] = test.value
			text, err := json.Marshal(object)
			require.NoError(t, err)
			values["mlflow-sso:"+test.key] = string(text)
			var changed []string
			is := record(t, values)
			for part, digest := range is {
				if was[part] != digest {
					changed = append(changed, part)
				}
			}
			slices.Sort(changed)
			require.Equal(t, test.want, changed)
			require.Len(t, is, len(was))
		})
	}
}

func TestTheSettingSwitchesTheProof(t *testing.T) {
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	for mode, made := range map[string]int{"": 1, loginproof.OnChange: 1, loginproof.Always: 1, loginproof.Never: 0} {
		set := maps.Clone(values)
		if mode != "" {
			set["mlflow-sso:proof"] = mode
		}
		r, err := runWith(t, set)
		require.NoError(t, err)
		count := 0
		for _, resource := range r.Resources {
			if resource.Type != loginproof.TypeToken {
				continue
			}
			count++
			want := mode
			if mode == "" {
				want = loginproof.OnChange
			}
			require.Equal(t, want, input(t, resource, loginproof.Mode).Text())
		}
		require.Equal(t, made, count, "proof: %s", mode)
	}
}
