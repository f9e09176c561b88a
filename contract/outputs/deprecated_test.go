package outputs

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// previous has the outputs of a stack of the previous release.
const previous = `{"deployment":"d","keeper":{"container":"d-keeper","followSeconds":15,"pruneSeconds":3600},
	"steward":{"id":"mlflow-steward","secret":"s"},"upstreams":[{"alias":"google","kind":"oidc"}],
	"turned":{"root":2,"generations":[{"label":"redis/default","generation":3}]}}`

const current = `{"deployment":"d","identitySync":{"container":"d-keeper","intervalSeconds":15,"pruneIntervalSeconds":3600},
	"accessAdmin":{"id":"mlflow-steward","secret":"s"},"identityProviders":[{"alias":"google","kind":"oidc"}],
	"credentialVersions":{"root":2,"generations":[{"label":"redis/default","generation":3}]}}`

func read(t *testing.T, text string) (s Stack) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	return s
}

func TestOutputsOfThePreviousReleaseEqualTheCurrentOnes(t *testing.T) {
	old := read(t, previous)
	require.Equal(t, read(t, current), old)
	require.Equal(t, 15, old.IdentitySync.IntervalSeconds)
	require.Equal(t, 2, old.CredentialVersions.Root)
}

func TestEveryRenamedOutputIsReadUnderItsOldName(t *testing.T) {
	for _, row := range RenamedOutputs() {
		members := map[string]json.RawMessage{row.Old: json.RawMessage(`1`)}
		if parent, leaf, nested := cut(row.Old); nested {
			members = map[string]json.RawMessage{parent: json.RawMessage(`{"` + leaf + `":1}`)}
		}
		require.NoError(t, rename(members, row.Old, row.New))
		text, err := json.Marshal(members)
		require.NoError(t, err)
		_, leaf, nested := cut(row.New)
		require.Contains(t, string(text), `"`+leaf+`":1`, row.Old)
		if !nested {
			require.NotContains(t, members, row.Old)
		}
	}
}

func TestACurrentOutputIsNotOverwritten(t *testing.T) {
	both := read(t, `{"turned":{"root":1},"credentialVersions":{"root":2}}`)
	require.Equal(t, 2, both.CredentialVersions.Root)
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	text, err := json.Marshal(read(t, current))
	require.NoError(t, err)
	for _, row := range RenamedOutputs() {
		_, leaf, _ := cut(row.Old)
		require.NotContains(t, string(text), `"`+leaf+`"`)
	}
	require.Equal(t, read(t, current), read(t, string(text)))
}

func cut(path string) (parent, leaf string, nested bool) {
	for i := range path {
		if path[i] == '.' {
			return path[:i], path[i+1:], true
		}
	}
	return "", path, false
}
