//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Nerzal/gocloak/v13"
	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/volume"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// plainPulumi runs Pulumi's own command in a copy of the program, with its own backend and
// passphrase, as any Pulumi user does.
type plainPulumi struct {
	folder, command string
	env             []string
}

func newPlainPulumi(t *testing.T, l *lab) *plainPulumi {
	t.Helper()
	home, err := datadir.Open()
	require.NoError(t, err)
	p := &plainPulumi{folder: t.TempDir(), command: filepath.Join(home.Bin(), "pulumi")}
	p.env = append(os.Environ(),
		"PATH="+home.Bin()+":"+os.Getenv("PATH"), "PULUMI_HOME="+home.Pulumi(),
		"PULUMI_BACKEND_URL=file://"+t.TempDir(), "PULUMI_CONFIG_PASSPHRASE=of this test alone", "PULUMI_SKIP_UPDATE_CHECK=true")
	copied := exec.CommandContext(t.Context(), "sh", "-c", `git ls-files -z | tar --null --files-from=- --create | tar --extract --directory="$0"`, p.folder)
	copied.Dir = l.root
	said, err := copied.CombinedOutput()
	require.NoError(t, err, "%s", said)
	file, err := os.ReadFile(l.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(p.folder, filepath.Base(l.file)), file, 0o600))
	p.must(t, "stack", "init", l.name)
	return p
}

// ownPlainPulumi has the plugin, and tears the stack down when the test has ended.
func ownPlainPulumi(t *testing.T, l *lab) *plainPulumi {
	t.Helper()
	p := newPlainPulumi(t, l)
	p.buildPlugin(t)
	t.Cleanup(func() { p.must(t, "destroy", "--yes", "--skip-preview", "--stack", l.name) })
	return p
}

// buildPlugin builds the project's own plugin as the documentation says.
func (p *plainPulumi) buildPlugin(t *testing.T) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", "plugin")
	command.Dir = p.folder
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
}

func (p *plainPulumi) must(t *testing.T, arguments ...string) string {
	t.Helper()
	said, err := p.run(t, arguments...)
	require.NoError(t, err, "pulumi %s\n%s", strings.Join(arguments, " "), said)
	return said
}

// up runs `pulumi up`.
func (p *plainPulumi) up(t *testing.T, l *lab, more ...string) string {
	t.Helper()
	return p.must(t, append([]string{"up", "--yes", "--skip-preview", "--stack", l.name}, more...)...)
}

// nothingToDo requires that neither an update nor a refresh finds a difference.
func (p *plainPulumi) nothingToDo(t *testing.T, l *lab) {
	t.Helper()
	p.up(t, l, "--expect-no-changes")
	p.must(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)
}

// run returns Pulumi's output: standard output only if it succeeds.
func (p *plainPulumi) run(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), p.command, append(arguments, "--non-interactive")...)
	command.Dir, command.Env = p.folder, p.env
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
}

// verify runs the checks of the tool, which gets nothing but the outputs.
func (p *plainPulumi) verify(t *testing.T, l *lab) check.Report {
	t.Helper()
	file := filepath.Join(t.TempDir(), "outputs.json")
	require.NoError(t, os.WriteFile(file, []byte(p.must(t, "stack", "output", "--json", "--show-secrets", "--stack", l.name)), 0o600))
	command := exec.CommandContext(t.Context(), l.tool, "verify", "--outputs", file, "--output", "json")
	command.Dir = l.root
	raw, _ := command.Output() // a failed check is in the report
	var written struct {
		Checks []struct {
			Name        check.ID
			Status      check.Status
			Got, Wanted string
		}
	}
	require.NoError(t, json.Unmarshal(raw, &written), "%s", raw)
	var got check.Report
	for _, c := range written.Checks {
		got.Checks = append(got.Checks, check.Result{ID: c.Name, Status: c.Status, Got: c.Got, Wanted: c.Wanted})
	}
	return got
}

func (p *plainPulumi) outputs(t *testing.T, l *lab) (deployed outputs.Stack) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(p.must(t, "stack", "output", "--json", "--show-secrets", "--stack", l.name)), &deployed))
	return deployed
}

// The program is a complete Pulumi project: Pulumi alone creates the stack, all its logins and
// defences work, Pulumi finds nothing more to do, and removes it.
func TestPlainPulumiIsTheWholeDeployment(t *testing.T) {
	inLane(t, ownLane)
	t.Parallel()
	l, err := newLabWithAccount(t.TempDir())
	require.NoError(t, err)
	file, err := os.OpenFile(l.file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString("  mlflow-sso:access:\n    - group: mlflow-users\n      experiments: {\"shared/*\": READ}\n      future: true\n")
	require.NoError(t, errors.Join(err, file.Close()))
	p, docker := newPlainPulumi(t, l), openEngine(t)

	t.Run("a missing plugin is reported with the command that builds it", func(t *testing.T) {
		said, err := p.run(t, "preview", "--stack", l.name)
		require.Error(t, err)
		require.Contains(t, said, "make plugin")
	})
	p.buildPlugin(t)
	require.Contains(t, p.must(t, "preview", "--stack", l.name), "mlflow-sso:permissions:Grant")

	t.Cleanup(func() {
		p.must(t, "destroy", "--yes", "--skip-preview", "--stack", l.name)
		left, err := docker.API().VolumeList(context.Background(), volume.ListOptions{})
		require.NoError(t, err)
		for _, v := range left.Volumes {
			require.False(t, strings.HasPrefix(v.Name, l.name+"-"), "%s is left", v.Name)
		}
	})
	require.Contains(t, p.up(t, l), "the logins are proved")

	allChecksPass(t, p.verify(t, l))
	p.nothingToDo(t, l)

	deployed := p.outputs(t, l)
	p.secretsAreEncrypted(t, l, deployed)
	p.brokenLoginFailsTheUpdate(t, l, deployed)
	p.manualChangesAreReverted(t, l, deployed)
	p.passwordIsRotated(t, l, deployed)
	allChecksPass(t, p.verify(t, l))
}

func allChecksPass(t *testing.T, got check.Report) {
	t.Helper()
	require.Greater(t, len(got.Checks), 20)
	for _, c := range got.Checks {
		require.Equal(t, check.StatusPassed, c.Status, "%s: got %s, want %s %s", c.ID, c.Got, c.Wanted, c.Reason)
	}
}

// An update of something else finds a login that has broken since, and reports it until it is
// fixed.
func (p *plainPulumi) brokenLoginFailsTheUpdate(t *testing.T, l *lab, deployed outputs.Stack) {
	t.Helper()
	deleteMapper(t, deployed, "groups")
	p.must(t, "config", "set", "--path", "mlflow-sso:credentials.generations.demo/outsider", "2", "--stack", l.name)
	require.Contains(t, p.must(t, "preview", "--stack", l.name), "LoginProof")
	for _, attempt := range []string{"with a change", "without one, since the last proof failed"} {
		said, err := p.run(t, "up", "--yes", "--skip-preview", "--stack", l.name)
		require.Error(t, err, attempt)
		require.Contains(t, said, "login-member failed: ", attempt)
		require.Contains(t, said, "the logins are not proved", attempt)
		for _, user := range p.outputs(t, l).DemoUsers {
			require.False(t, strings.Contains(said, user.Password), "a password is printed")
		}
	}
	require.False(t, deployed.DemoUsers[2].Password == p.outputs(t, l).DemoUsers[2].Password, "the rest of the update stays")

	require.Contains(t, p.up(t, l, "--refresh"), "the logins are proved")
	p.up(t, l, "--expect-no-changes")
}

// Each change is one that an administrator may make in Keycloak's console.
func (p *plainPulumi) manualChangesAreReverted(t *testing.T, l *lab, deployed outputs.Stack) {
	t.Helper()
	client, token := keycloakAdmin(t, deployed)
	changeRealm(t, deployed, "master", map[string]any{"bruteForceProtected": false, "enabledEventTypes": []string{"LOGIN"}})
	cli, err := client.GetClients(t.Context(), token, deployed.Realm.Name, gocloak.GetClientsParams{ClientID: gocloak.StringP("admin-cli")})
	require.NoError(t, err)
	require.Len(t, cli, 1)
	require.NoError(t, client.UpdateClient(t.Context(), token, deployed.Realm.Name, gocloak.Client{ID: cli[0].ID, ClientID: cli[0].ClientID, Enabled: gocloak.BoolP(true)}))

	p.up(t, l, "--expect-no-changes") // without a refresh, Pulumi compares with the state only
	named := p.must(t, "preview", "--refresh", "--diff", "--stack", l.name)
	for _, property := range []string{"bruteForceProtected", "enabledEventTypes", "enabled"} {
		require.Contains(t, named, property)
	}
	require.Equal(t, []string{"administrators", "password-grant"}, fallen(p.verify(t, l), check.StatusFailed))
	p.up(t, l, "--refresh")
	require.Equal(t, true, realmDocument(t, deployed, "master")["bruteForceProtected"])
	p.must(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)
}

// secretsAreEncrypted searches Pulumi's state for every password.
func (p *plainPulumi) secretsAreEncrypted(t *testing.T, l *lab, deployed outputs.Stack) {
	t.Helper()
	state := p.must(t, "stack", "export", "--stack", l.name)
	secrets := []string{deployed.Keycloak.Provider.Secret, deployed.AccessAdmin.Secret}
	for _, user := range deployed.DemoUsers {
		secrets = append(secrets, user.Password)
	}
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		require.False(t, strings.Contains(state, secret), "the state has a credential in plain text")
	}
	require.Contains(t, state, "realm-password-demo-member")
}

// passwordIsRotated sets another generation of a demo user's password.
func (p *plainPulumi) passwordIsRotated(t *testing.T, l *lab, before outputs.Stack) {
	t.Helper()
	p.must(t, "config", "set", "--path", "mlflow-sso:credentials.generations.demo/member", "2", "--stack", l.name)
	require.Contains(t, p.must(t, "preview", "--diff", "--stack", l.name), "realm-password-demo-member")
	p.up(t, l)
	after := p.outputs(t, l)
	require.False(t, before.DemoUsers[1].Password == after.DemoUsers[1].Password)
	p.up(t, l, "--expect-no-changes")
}

// The program itself refuses to start containers on a missing data volume, or for a deployment
// whose name has changed: neither needs the tool.
func TestPlainPulumiCreatesNoContainerOverAMissingVolume(t *testing.T) {
	nightly(t)
	t.Parallel()
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	p, docker := newPlainPulumi(t, l), openEngine(t)
	p.buildPlugin(t)
	t.Cleanup(func() { p.must(t, "destroy", "--yes", "--skip-preview", "--refresh", "--stack", l.name) })
	p.up(t, l)

	p.must(t, "config", "set", "mlflow-sso:name", l.name+"-new", "--stack", l.name)
	said, err := p.run(t, "up", "--yes", "--stack", l.name)
	require.Error(t, err)
	require.Contains(t, said, "the setting `name` has changed")
	p.must(t, "config", "set", "mlflow-sso:name", l.name, "--stack", l.name)
	p.up(t, l, "--expect-no-changes")

	removeVolumes(t, docker, l, "postgres-data")
	for _, arguments := range [][]string{{"preview"}, {"up", "--yes", "--skip-preview"}} {
		said, err := p.run(t, append(arguments, "--stack", l.name)...)
		require.Error(t, err)
		require.Contains(t, said, l.name+"-postgres-data: it does not exist")
		_, err = docker.API().VolumeInspect(t.Context(), l.name+"-postgres-data")
		require.True(t, errdefs.IsNotFound(err), "Docker has made an empty one")
	}
}
