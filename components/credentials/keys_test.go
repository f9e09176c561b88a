package credentials

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryEditionHasANumberOfItsOwnAndTheFirstIsOne(t *testing.T) {
	seen := map[int]string{}
	for root := 1; root <= 5; root++ {
		for generation := 1; generation <= MostGenerations; generation++ {
			n := VersionNumber(root, generation)
			require.NotContains(t, seen, n)
			seen[n] = Version(root, generation)
		}
	}
	require.Equal(t, FirstVersion, seen[1])
	require.Equal(t, 1, VersionNumber(0, 0), "a setting that is left out")
	require.Equal(t, FirstVersion, Keys{}.Version(Redis))
}

func TestKeysAreWhatTheProgramDerivesAndRememberAllThatWasBefore(t *testing.T) {
	other := base64.StdEncoding.EncodeToString([]byte("another root of 32 bytes, really"))
	value := func(root string, generation int) string {
		key, err := Derive(root, Redis, generation)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(key)
	}
	keys := Keys{Roots: map[int]string{1: root, 2: other}, Root: 2, Generations: map[Label]int{Redis: 2}}
	now, err := keys.Current(Redis)
	require.NoError(t, err)
	require.Equal(t, Key{1002, value(other, 2)}, now)
	before, err := keys.Previous(Redis)
	require.NoError(t, err)
	require.Equal(t, []Key{{1001, value(other, 1)}, {2, value(root, 2)}, {1, value(root, 1)}}, before)

	first, err := Keys{Roots: map[int]string{1: root}}.Previous(Redis)
	require.NoError(t, err)
	require.Empty(t, first)
	_, err = Keys{Roots: map[int]string{1: root}, Root: 2}.Current(Redis)
	require.Error(t, err, "a root that is not there yet")
}
