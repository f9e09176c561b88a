package adminrealm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A manual change by an administrator or user stays until the settings request another version.
func TestAPasswordIsSetOnlyWhereAnotherEditionIsWanted(t *testing.T) {
	first := Credential{"master", "admin", "not shown", "1.1"}
	second := Credential{"mlflow", "demo-member", "not shown", "1.2"}
	require.Empty(t, first.differences(nil), "nothing was rotated")
	require.Empty(t, first.differences(map[string]string{versionAttribute + "demo-member": "1.2"}))
	require.Empty(t, second.differences(map[string]string{versionAttribute + "demo-member": "1.2"}))

	require.Equal(t, []Difference{{"edition of the password of admin in realm master", "2.1", "1.1"}},
		first.differences(map[string]string{versionAttribute + "admin": "2.1"}))
	found := second.differences(nil)
	require.Equal(t, []Difference{{"edition of the password of demo-member in realm mlflow", "1.1", "1.2"}}, found)
	require.NotContains(t, found[0].String(), "not shown")
}
