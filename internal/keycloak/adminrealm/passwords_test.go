package adminrealm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What an administrator or a person of the realm has changed by themselves is left alone
// until the settings ask for another edition.
func TestAPasswordIsSetOnlyWhereAnotherEditionIsWanted(t *testing.T) {
	first := derivedPassword{"master", "admin", "not shown", "1.1"}
	second := derivedPassword{"mlflow", "demo-member", "not shown", "1.2"}
	require.Empty(t, differingVersions([]derivedPassword{first}, nil), "nobody has rotated anything")
	require.Empty(t, differingVersions([]derivedPassword{first, second}, map[string]string{versionAttribute + "demo-member": "1.2"}))

	found := differingVersions([]derivedPassword{first, second}, map[string]string{versionAttribute + "admin": "2.1"})
	require.Equal(t, []Difference{
		{"edition of the password of admin in realm master", "2.1", "1.1"},
		{"edition of the password of demo-member in realm mlflow", "1.1", "1.2"},
	}, found)
	for _, d := range found {
		require.NotContains(t, d.String(), "not shown")
	}
}
