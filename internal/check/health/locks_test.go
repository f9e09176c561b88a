package health

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALockedAdministratorIsNamedWithTheWaysIn(t *testing.T) {
	found := a().judgeLocks(map[string]int{"zoe": 10, "ann": 12}, true)
	require.Equal(t, []string{"administrator-locked", "administrator-locked"}, idsOf(found))
	require.Contains(t, found[0].Summary, "ann")
	require.Contains(t, found[0].Fix, "console --stack x")
	require.Contains(t, found[0].Fix, "break-glass")
}

func TestWhereEveryAdministratorIsLockedTheWayPastKeycloakComesFirst(t *testing.T) {
	found := a().judgeLocks(map[string]int{"ann": 12}, false)
	require.Equal(t, []string{"administrators-all-locked", "administrator-locked"}, idsOf(found))
	require.Contains(t, found[0].Fix, `break-glass --stack x --reason "`)

	require.Empty(t, a().judgeLocks(nil, false), "a group without members is another matter")
}
