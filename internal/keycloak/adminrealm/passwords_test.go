package adminrealm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What an administrator or a person of the realm has changed by themselves is left alone
// until the settings ask for another edition.
func TestAPasswordIsSetOnlyWhereAnotherEditionIsWanted(t *testing.T) {
	first := kept{"master", "admin", "not shown", "1.1"}
	second := kept{"mlflow", "demo-member", "not shown", "1.2"}
	require.Empty(t, differingEditions([]kept{first}, nil), "nobody has rotated anything")
	require.Empty(t, differingEditions([]kept{first, second}, map[string]string{editionAttribute + "demo-member": "1.2"}))

	found := differingEditions([]kept{first, second}, map[string]string{editionAttribute + "admin": "2.1"})
	require.Equal(t, []Difference{
		{"edition of the password of admin in realm master", "2.1", "1.1"},
		{"edition of the password of demo-member in realm mlflow", "1.1", "1.2"},
	}, found)
	for _, d := range found {
		require.NotContains(t, d.String(), "not shown")
	}
}
