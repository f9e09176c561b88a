//go:build e2e

package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// Pulumi alone rotates the secret that it logs in to Keycloak with, the password of the
// administrator and the root secret, also if it is killed at the moment when Keycloak has changed.
func TestPlainPulumiRotatesWhatItLogsInWith(t *testing.T) {
	nightly(t)
	t.Parallel()
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	p := ownPlainPulumi(t, l)
	p.up(t, l)
	first := p.outputs(t, l)
	require.True(t, acceptsProgram(t, first) && acceptsAdmin(t, first), "a control")

	for _, label := range []string{"keycloak/provider", "keycloak/admin"} {
		p.must(t, "config", "set", "--path", "mlflow-sso:credentials.generations."+label, "2", "--stack", l.name)
	}
	plan := p.must(t, "preview", "--diff", "--stack", l.name)
	require.Contains(t, plan, "realm-provider-secret")
	require.Contains(t, plan, `edition : "1.1" => "1.2"`)
	require.NotContains(t, plan, "keycloak:index/realm:Realm", "the realm is not about to change")
	p.killed(t, l, "Keycloak has another secret", func() bool { return !acceptsProgram(t, first) }, 0)
	p.up(t, l)
	second := p.requireRotated(t, l, first)

	p.must(t, "config", "set", "--path", "mlflow-sso:credentials.root", "2", "--stack", l.name)
	plan = p.must(t, "preview", "--stack", l.name)
	require.Contains(t, plan, "credentials-root-2")
	require.NotContains(t, plan, "docker:index:Volume", "no volume is about to change")
	p.up(t, l)
	third := p.requireRotated(t, l, first, second)
	allChecksPass(t, p.verify(t, l))

	p.addedMemberIsTakenOut(t, l, third)
}

// requireRotated requires that Keycloak refuses previous values and accepts the current ones, and
// that nothing is left to do.
func (p *plainPulumi) requireRotated(t *testing.T, l *lab, before ...outputs.Stack) outputs.Stack {
	t.Helper()
	now := p.outputs(t, l)
	require.True(t, acceptsProgram(t, now), "the new secret of the program is refused")
	require.True(t, acceptsAdmin(t, now), "the new password of the administrator is refused")
	for _, old := range before {
		require.False(t, acceptsProgram(t, old), "an old secret of the program is accepted")
		require.False(t, acceptsAdmin(t, old), "an old password of the administrator is accepted")
	}
	p.nothingToDo(t, l)
	return now
}

// acceptsProgram reports whether Keycloak accepts the secret of the program's client. While Keycloak
// does not respond, it has not refused.
func acceptsProgram(t *testing.T, deployed outputs.Stack) bool {
	t.Helper()
	_, err := admin.Open(t.Context(), deployed.Keycloak, 5*time.Second)
	return admin.Status(err) != http.StatusUnauthorized
}

func acceptsAdmin(t *testing.T, deployed outputs.Stack) bool {
	t.Helper()
	who := deployed.Keycloak.Admin
	_, err := gocloak.NewClient(deployed.Keycloak.AdminURL).LoginAdmin(t.Context(), who.Username, who.Password, "master")
	if err != nil {
		require.Equal(t, http.StatusBadRequest, admin.Status(err), "%v", err)
	}
	return err == nil
}

// addedMemberIsTakenOut makes a group a managed one, and adds a user as an administrator does.
func (p *plainPulumi) addedMemberIsTakenOut(t *testing.T, l *lab, deployed outputs.Stack) {
	t.Helper()
	p.must(t, "config", "set", "--path", "mlflow-sso:realm.managedGroups[0]", deployed.Realm.UserGroup, "--stack", l.name)
	p.up(t, l)
	client, token := keycloakAdmin(t, deployed)
	_, err := client.CreateUser(t.Context(), token, deployed.Realm.Name, gocloak.User{
		Username: gocloak.StringP("eve"), Email: gocloak.StringP("eve@example.com"), Enabled: gocloak.BoolP(true),
		FirstName: gocloak.StringP("Eve"), LastName: gocloak.StringP("Added"), Groups: &[]string{"/" + deployed.Realm.UserGroup},
	})
	require.NoError(t, err)
	require.Regexp(t, `unlisted: \[\s+\+ \[0\]: "eve"`, p.must(t, "preview", "--refresh", "--diff", "--stack", l.name))
	require.Contains(t, p.up(t, l, "--refresh"), "person eve in group "+deployed.Realm.UserGroup+" taken out")
	p.must(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)
}
