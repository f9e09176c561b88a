//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/processtree"
)

// killed kills `pulumi up` with its program and plugins some time after something is there, and
// clears Pulumi's lock as its own message says.
func (p *plainPulumi) killed(t *testing.T, l *lab, when string, there func() bool, after time.Duration) {
	t.Helper()
	command := exec.CommandContext(t.Context(), p.command, "up", "--yes", "--skip-preview", "--non-interactive", "--stack", l.name)
	var said bytes.Buffer
	command.Dir, command.Env, command.Stdout, command.Stderr = p.folder, p.env, &said, &said
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	deadline := time.After(10 * time.Minute)
	for !there() || alone(t, command.Process.Pid) {
		select {
		case err := <-ended:
			require.FailNow(t, "the update ended before "+when, "%v\n%s", err, said.String())
		case <-deadline:
			require.FailNow(t, "never came: "+when)
		case <-time.After(20 * time.Millisecond):
		}
	}
	time.Sleep(after)
	count, err := processtree.Kill(command.Process.Pid)
	require.NoError(t, err)
	<-ended
	t.Logf("killed %d processes %s after %s", count, after, when)
	p.must(t, "cancel", "--yes", "--stack", l.name)
}

// Ten moments of a first start, one after the other on the same stack: each update goes on from where
// the one before was killed, and the last completes it.
func TestAPlainUpdateThatIsKilledAtAnyPointIsCompletedByTheNext(t *testing.T) {
	nightly(t)
	t.Parallel()
	l, err := newLabWithAccount(t.TempDir())
	require.NoError(t, err)
	p, api := newPlainPulumi(t, l), openEngine(t).API()
	p.buildPlugin(t)
	t.Cleanup(func() { p.must(t, "destroy", "--yes", "--skip-preview", "--stack", l.name) })
	exists := func(component string) func() bool {
		return func() bool {
			_, err := api.ContainerInspect(t.Context(), l.name+"-"+component)
			return err == nil
		}
	}
	realm := func() bool {
		answer, err := http.Get(fmt.Sprintf("http://localhost:%d/realms/mlflow", l.keycloak))
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}

	p.killed(t, l, "a network is there", func() bool { return len(things(t, l.name)["networks"]) > 0 }, 0)
	p.killed(t, l, "Postgres is there", exists("postgres"), 0)
	p.killed(t, l, "Redis is there", exists("redis"), time.Second)
	p.killed(t, l, "Keycloak is there, and not ready", exists("keycloak"), 0)
	p.killed(t, l, "MLflow is there, and not ready", exists("mlflow"), 0)
	p.killed(t, l, "the realm is there", realm, 0)
	for _, after := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
		p.killed(t, l, "the realm is there", realm, after)
	}
	// What Docker does between making a container and giving it its networks takes milliseconds: a
	// container without any stands for a kill in between.
	require.NoError(t, api.ContainerRemove(t.Context(), l.name+"-redis", container.RemoveOptions{Force: true, RemoveVolumes: true}))
	_, err = api.ContainerCreate(t.Context(), &container.Config{Image: baseImage(), Labels: map[string]string{naming.Deployment: l.name}},
		&container.HostConfig{NetworkMode: "none"}, nil, nil, l.name+"-redis")
	require.NoError(t, err)
	p.killed(t, l, "identity sync is there", exists("keeper"), time.Second)

	p.must(t, "up", "--refresh", "--yes", "--skip-preview", "--stack", l.name)
	allChecksPass(t, p.verify(t, l))
	p.must(t, "up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", l.name)
}
