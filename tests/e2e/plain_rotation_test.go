//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/processtree"
)

// Nothing but Pulumi rotates the secret that it logs in to Keycloak with, the password of the
// administrator and the root secret, also if it is killed at the moment when Keycloak has changed.
func TestPlainPulumiRotatesWhatItLogsInWith(t *testing.T) {
	nightly(t)
	t.Parallel()
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	p := newPlainPulumi(t, l)
	p.buildPlugin(t)
	t.Cleanup(func() { p.must(t, "destroy", "--yes", "--skip-preview", "--stack", l.name) })
	p.must(t, "up", "--yes", "--skip-preview", "--stack", l.name)
	first := p.outputs(t, l)
	require.True(t, acceptsProgram(t, first) && acceptsAdmin(t, first), "a control")

	for _, label := range []string{"keycloak/provider", "keycloak/admin"} {
		p.must(t, "config", "set", "--path", "mlflow-sso:credentials.generations."+label, "2", "--stack", l.name)
	}
	plan := p.must(t, "preview", "--diff", "--stack", l.name)
	require.Contains(t, plan, "realm-provider-secret")
	require.Contains(t, plan, `edition : "1.1" => "1.2"`)
	require.NotContains(t, plan, "keycloak:index/realm:Realm", "the realm is not about to change")
	p.killedWhen(t, l, func() bool { return !acceptsProgram(t, first) })
	p.must(t, "cancel", "--yes", "--stack", l.name) // the lock of the process that was killed
	p.must(t, "up", "--yes", "--skip-preview", "--stack", l.name)
	second := p.requireRotated(t, l, first)

	p.must(t, "config", "set", "--path", "mlflow-sso:credentials.root", "2", "--stack", l.name)
	plan = p.must(t, "preview", "--stack", l.name)
	require.Contains(t, plan, "credentials-root-2")
	require.NotContains(t, plan, "docker:index:Volume", "no volume is about to change")
	p.must(t, "up", "--yes", "--skip-preview", "--stack", l.name)
	third := p.requireRotated(t, l, first, second)
	allChecksPass(t, p.verify(t, l))

	p.addedMemberIsTakenOut(t, l, third)
}

// killedWhen begins an update and kills it with all that it has started.
func (p *plainPulumi) killedWhen(t *testing.T, l *lab, there func() bool) {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), p.command, "up", "--yes", "--skip-preview", "--non-interactive", "--stack", l.name)
	command.Dir, command.Env = p.folder, p.env
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	deadline := time.After(10 * time.Minute)
	for !there() {
		select {
		case err := <-ended:
			require.FailNow(t, "the update ended before it was killed", "%v\n%s", err, said.String())
		case <-deadline:
			require.FailNow(t, "the moment to kill the update never came")
		case <-time.After(50 * time.Millisecond):
		}
	}
	killed, err := processtree.Kill(command.Process.Pid)
	require.NoError(t, err)
	require.Greater(t, killed, 1, "no plugin to kill")
	<-ended
}

// requireRotated demands that Keycloak refuses what was before and accepts what is now, and that
// nothing is left to do.
func (p *plainPulumi) requireRotated(t *testing.T, l *lab, before ...outputs.Stack) outputs.Stack {
	t.Helper()
	now := p.outputs(t, l)
	require.True(t, acceptsProgram(t, now), "the new secret of the program is refused")
	require.True(t, acceptsAdmin(t, now), "the new password of the administrator is refused")
	for _, old := range before {
		require.False(t, acceptsProgram(t, old), "an old secret of the program is accepted")
		require.False(t, acceptsAdmin(t, old), "an old password of the administrator is accepted")
	}
	p.must(t, "up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)
	p.must(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)
	return now
}

// acceptsProgram says whether Keycloak accepts the secret of the program's client. While Keycloak does
// not answer, it has not refused.
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
		require.Equal(t, http.StatusUnauthorized, admin.Status(err), "%v", err)
	}
	return err == nil
}

// addedMemberIsTakenOut makes a group a managed one, and adds a user as an administrator does.
func (p *plainPulumi) addedMemberIsTakenOut(t *testing.T, l *lab, deployed outputs.Stack) {
	t.Helper()
	p.must(t, "config", "set", "--path", "mlflow-sso:realm.managedGroups[0]", deployed.Realm.UserGroup, "--stack", l.name)
	p.must(t, "up", "--yes", "--skip-preview", "--stack", l.name)
	client, token := keycloakAdmin(t, deployed)
	_, err := client.CreateUser(t.Context(), token, deployed.Realm.Name, gocloak.User{
		Username: gocloak.StringP("eve"), Email: gocloak.StringP("eve@example.com"), Enabled: gocloak.BoolP(true),
		FirstName: gocloak.StringP("Eve"), LastName: gocloak.StringP("Added"), Groups: &[]string{"/" + deployed.Realm.UserGroup},
	})
	require.NoError(t, err)
	require.Regexp(t, `unlisted: \[\s+\+ \[0\]: "eve"`, p.must(t, "preview", "--refresh", "--diff", "--stack", l.name))
	require.Contains(t, p.must(t, "up", "--refresh", "--yes", "--skip-preview", "--stack", l.name), "person eve in group "+deployed.Realm.UserGroup+" taken out")
	p.must(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)
}
