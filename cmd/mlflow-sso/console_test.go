package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
)

func TestTheConsoleRefusesAnInvalidDurationBeforeItConnects(t *testing.T) {
	for _, length := range []string{"0s", "-5m", "9s", "8h1s", "a while", "30"} {
		asked := false
		root := newRootCommand(func(context.Context, stackFlags) (outputs.Stack, error) {
			asked = true
			return outputs.Stack{}, nil
		})
		require.Equal(t, exitUsage, runRoot(t.Context(), root, []string{"console", "--duration", length}, io.Discard, io.Discard), length)
		require.False(t, asked, length)
	}
}

func TestATemporaryAdminIsPrintedWithEverythingThatALoginNeeds(t *testing.T) {
	stack := outputs.Stack{Keycloak: outputs.Keycloak{AdminURL: "http://127.0.0.1:8081"}}
	guest := &adminrealm.TemporaryAdmin{Username: "console-x", Password: "the-password", Until: time.Date(2026, 5, 4, 12, 30, 15, 0, time.Local)}
	var out strings.Builder

	require.NoError(t, printTemporaryAdmin(&out, stack, guest))

	for _, want := range []string{"http://127.0.0.1:8081/admin/\n", "console-x\n", "the-password\n", "12:30:15", "ssh -N -L 8081:127.0.0.1:8081 "} {
		require.Contains(t, out.String(), want)
	}
}

// Without a permanent administrator, none is printed, and the output names the command for
// temporary access.
func TestPasswordsBelongToExistingUsers(t *testing.T) {
	stack := outputs.Stack{Keycloak: outputs.Keycloak{AdminURL: "http://127.0.0.1:8081", Admin: outputs.Login{Username: "admin", Password: "p"}}}
	require.Len(t, logins(stack), 1)
	var addresses strings.Builder
	require.NoError(t, printAddresses(&addresses, stackFlags{name: "some"}, stack))
	require.Contains(t, addresses.String(), "console  http://127.0.0.1:8081/admin/\n")

	stack.Keycloak.Admin = outputs.Login{}
	require.Empty(t, logins(stack))
	addresses.Reset()
	require.NoError(t, printAddresses(&addresses, stackFlags{name: "some"}, stack))
	require.Contains(t, addresses.String(), " console --stack some\n")
	require.NotContains(t, addresses.String(), "/admin/")

	var table, text strings.Builder
	require.NoError(t, printLogins(&table, logins(stack), asTable))
	require.Empty(t, table.String())
	require.NoError(t, printLogins(&text, logins(stack), asJSON))
	require.Equal(t, "[]\n", text.String())
}
