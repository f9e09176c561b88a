//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/volume"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// plainPulumi runs Pulumi's own command in a copy of the program, with a backend and a
// passphrase of the test's own, as any Pulumi user does.
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

func (p *plainPulumi) must(t *testing.T, arguments ...string) string {
	t.Helper()
	said, err := p.run(t, arguments...)
	require.NoError(t, err, "pulumi %s\n%s", strings.Join(arguments, " "), said)
	return said
}

func (p *plainPulumi) run(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), p.command, append(arguments, "--non-interactive")...)
	command.Dir, command.Env = p.folder, p.env
	said, err := command.CombinedOutput()
	return string(said), err
}

// The program is a whole Pulumi project: nothing but Pulumi makes the stack, finds nothing
// more to do, and removes it.
func TestPlainPulumiBringsAStackUpFindsNoChangeAndRemovesIt(t *testing.T) {
	t.Parallel()
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	p, docker := newPlainPulumi(t, l), openEngine(t)
	t.Cleanup(func() {
		p.must(t, "destroy", "--yes", "--skip-preview", "--stack", l.name)
		left, err := docker.API().VolumeList(context.Background(), volume.ListOptions{})
		require.NoError(t, err)
		for _, v := range left.Volumes {
			require.False(t, strings.HasPrefix(v.Name, l.name+"-"), "%s is left", v.Name)
		}
	})
	p.must(t, "up", "--yes", "--skip-preview", "--stack", l.name)

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://localhost:%d/login", l.mlflow), nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	page, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Contains(t, string(page), "kc-form-login", "the way into MLflow ends at Keycloak's form")

	p.must(t, "up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)
}

// The program itself refuses to start containers over a data volume that is gone, and a
// deployment whose name has changed: neither needs the tool.
func TestPlainPulumiMakesNoContainerOverAVolumeThatIsGone(t *testing.T) {
	nightly(t)
	t.Parallel()
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	p, docker := newPlainPulumi(t, l), openEngine(t)
	t.Cleanup(func() { p.must(t, "destroy", "--yes", "--skip-preview", "--refresh", "--stack", l.name) })
	p.must(t, "up", "--yes", "--skip-preview", "--stack", l.name)

	p.must(t, "config", "set", "mlflow-sso:name", l.name+"-new", "--stack", l.name)
	said, err := p.run(t, "up", "--yes", "--stack", l.name)
	require.Error(t, err)
	require.Contains(t, said, "the setting `name` has changed")
	p.must(t, "config", "set", "mlflow-sso:name", l.name, "--stack", l.name)
	p.must(t, "up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)

	removeVolumes(t, docker, l, "postgres-data")
	for _, arguments := range [][]string{{"preview"}, {"up", "--yes", "--skip-preview"}} {
		said, err := p.run(t, append(arguments, "--stack", l.name)...)
		require.Error(t, err)
		require.Contains(t, said, l.name+"-postgres-data: it does not exist")
		_, err = docker.API().VolumeInspect(t.Context(), l.name+"-postgres-data")
		require.True(t, errdefs.IsNotFound(err), "Docker has made an empty one")
	}
}
