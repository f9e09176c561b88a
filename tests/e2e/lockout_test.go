//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

// isIn tries a name and a password at the form, and reports whether Keycloak accepted them.
func isIn(t *testing.T, deployed outputs.Stack, name, password string) bool {
	t.Helper()
	b := browser.New()
	defer b.Close()
	page, err := b.Open(t.Context(), deployed.MLflow.URL+"/login")
	require.NoError(t, err)
	form := page.FormWith("username", "password")
	require.NotNil(t, form, "no login form at %s", browser.Bare(page.URL))
	require.NoError(t, form.Set("username", name))
	require.NoError(t, form.Set("password", password))
	page, err = b.Submit(t.Context(), form)
	require.NoError(t, err)
	return page.FormWith("username", "password") == nil
}

// Anyone who knows a user name could lock its owner out with two requests a minute. Ten failures
// still lock, doctor names a locked administrator, and invite ends the lock.
func TestTwoWrongPasswordsDoNotLockAUserButTenDo(t *testing.T) {
	l, deployed := sharedLab(t), runningStack(t)
	client, token := keycloakAdmin(t, deployed)
	name, password, realm := fmt.Sprintf("e2e-lock-%d", time.Now().UnixNano()), "a long password of a test 1", deployed.Realm.Name
	id, err := client.CreateUser(t.Context(), token, realm, gocloak.User{
		Username: &name, Email: gocloak.StringP(name + "@example.com"), EmailVerified: gocloak.BoolP(true), Enabled: gocloak.BoolP(true),
		FirstName: gocloak.StringP("E"), LastName: gocloak.StringP("E"),
		Credentials: &[]gocloak.CredentialRepresentation{{Type: gocloak.StringP("password"), Value: &password}},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		client, token := keycloakAdmin(t, deployed)
		require.NoError(t, client.DeleteUser(context.Background(), token, realm, id))
	})
	groups, err := client.GetGroups(t.Context(), token, realm, gocloak.GetGroupsParams{Search: &deployed.Realm.AdminGroup, Exact: gocloak.BoolP(true)})
	require.NoError(t, err)
	require.Len(t, groups, 1)
	require.NoError(t, client.AddUserToGroup(t.Context(), token, realm, id, gocloak.PString(groups[0].ID)))

	began := time.Now()
	for range 4 {
		require.False(t, isIn(t, deployed, name, "wrong"))
	}
	t.Logf("four wrong passwords in %s", time.Since(began).Round(time.Millisecond))
	require.True(t, isIn(t, deployed, name, password), "after four wrong passwords, one after the other")

	for range 10 {
		require.False(t, isIn(t, deployed, name, "wrong"))
	}
	require.False(t, isIn(t, deployed, name, password), "after ten wrong passwords")
	got, err := l.run(t.Context(), "doctor")
	require.NoError(t, err)
	require.Equal(t, foundCode, got.code, got.stdout)
	require.Contains(t, got.stdout, "administrator "+name+" cannot log in")
	require.Contains(t, got.stdout, "break-glass")

	// A new password has no effect while the lock lasts, so an invitation removes it.
	invited := l.must(t, "invite", name, "--reset-password")
	require.Contains(t, invited.stdout, name+" was locked after ")
	_, after, found := strings.Cut(invited.stdout, "Password ")
	require.True(t, found, invited.stdout)
	require.True(t, isIn(t, deployed, name, strings.Fields(after)[0]), "with the password of the invitation")
}
