//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/processtree"
)

// killed starts an update and kills it, with Pulumi and its plugins, as soon as an object exists.
func killed(t *testing.T, l *lab, when string, there func() bool) {
	t.Helper()
	startUp(t, l).killed(t, when, there, 0)
}

// runningUpdate is a running update. Read its output once it has ended.
type runningUpdate struct {
	process *os.Process
	ended   <-chan error
	said    *bytes.Buffer
}

// startUpdate starts a command that writes to said.
func startUpdate(t *testing.T, command *exec.Cmd, said *bytes.Buffer) runningUpdate {
	t.Helper()
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	return runningUpdate{command.Process, ended, said}
}

// killed kills the update, with Pulumi and its plugins, some time after an object first exists.
func (u runningUpdate) killed(t *testing.T, when string, there func() bool, after time.Duration) {
	t.Helper()
	deadline := time.After(10 * time.Minute)
	// The object may exist since the previous update: Pulumi must be running.
	for !there() || alone(t, u.process.Pid) {
		select {
		case err := <-u.ended:
			require.FailNow(t, "the update ended before "+when, "%v\n%s", err, u.said)
		case <-deadline:
			require.FailNow(t, "never came: "+when)
		case <-time.After(20 * time.Millisecond):
		}
	}
	time.Sleep(after)
	killed, err := processtree.Kill(u.process.Pid)
	require.NoError(t, err)
	require.Greater(t, killed, 1, "no pulumi to kill")
	<-u.ended
	t.Logf("killed %d processes %s after %s", killed, after, when)
}

// alone reports that a process has no running child.
func alone(t *testing.T, pid int) bool {
	t.Helper()
	all, err := processtree.Of(pid)
	require.NoError(t, err)
	return len(all) == 1
}

func TestAnUpdateThatIsKilledAtAnyPointIsHealedByTheNext(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	api := openEngine(t).API()
	exists := func(component string) func() bool {
		return func() bool {
			_, err := api.ContainerInspect(t.Context(), l.name+"-"+component)
			return err == nil
		}
	}
	inKeycloak := func(path string) func() bool {
		return func() bool {
			answer, err := http.Get(fmt.Sprintf("http://localhost:%d%s", l.keycloak, path))
			if err != nil {
				return false
			}
			_ = answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		}
	}

	killed(t, l, "a network is there", func() bool { return len(things(t, l.name)["networks"]) > 0 })
	killed(t, l, "Postgres is there", exists("postgres"))
	killed(t, l, "Keycloak is there, and not ready", exists("keycloak"))
	killed(t, l, "MLflow is there, and not ready", exists("mlflow"))
	killed(t, l, "the realm is there", inKeycloak("/realms/mlflow"))
	// Docker creates a container and connects it to its networks within milliseconds: a container
	// without networks stands for a kill in between.
	require.NoError(t, api.ContainerRemove(t.Context(), l.name+"-redis", container.RemoveOptions{Force: true, RemoveVolumes: true}))
	_, err := api.ContainerCreate(t.Context(), &container.Config{Image: baseImage(), Labels: map[string]string{naming.Deployment: l.name}},
		&container.HostConfig{NetworkMode: "none"}, nil, nil, l.name+"-redis")
	require.NoError(t, err)

	got := l.must(t, "up")

	require.Regexp(t, allPassed, got.stdout)
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
}

// A service is most easily interrupted while it creates its database and tables. Each moment gets
// a stack without data.
func TestAServiceThatIsKilledAtItsFirstStartIsHealedByTheNextUp(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	for _, moment := range []struct {
		service string
		after   time.Duration
	}{
		{"postgres", 300 * time.Millisecond},
		{"postgres", time.Second},
		{"postgres", 3 * time.Second},
		{"keycloak", 2 * time.Second},
		{"keycloak", 5 * time.Second},
		{"keycloak", 8 * time.Second},
		{"keycloak", 12 * time.Second},
	} {
		t.Run(fmt.Sprintf("%s after %s", moment.service, moment.after), func(t *testing.T) {
			up := startUp(t, l)
			killMain(t, l.name+"-"+moment.service, moment.after)
			began := time.Now()
			err := <-up.ended
			t.Logf("the update in which it was killed ended %s later: %v", time.Since(began).Round(time.Second), err)
			if err != nil {
				require.Less(t, time.Since(began), time.Minute, "it waited for what is dead\n%s", up.said)
				require.Contains(t, up.said.String(), l.name+"-"+moment.service)
			}

			require.Regexp(t, allPassed, l.must(t, "up").stdout)
			require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
			l.must(t, "destroy", "--delete-data", "--yes")
		})
	}
}

// startUp starts an update in its own process group.
func startUp(t *testing.T, l *lab) runningUpdate {
	t.Helper()
	command, said := l.command(t.Context(), "up", "--no-verify"), new(bytes.Buffer)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Stderr = said
	return startUpdate(t, command, said)
}

// killMain kills a container's first process after a time, as the kernel does.
func killMain(t *testing.T, name string, after time.Duration) {
	t.Helper()
	api := openEngine(t).API()
	require.Eventually(t, func() bool {
		seen, err := api.ContainerInspect(t.Context(), name)
		if err != nil || !seen.State.Running || seen.State.Pid == 0 {
			return false
		}
		started, err := time.Parse(time.RFC3339Nano, seen.State.StartedAt)
		require.NoError(t, err)
		if time.Since(started) < after {
			return false
		}
		require.NoError(t, syscall.Kill(seen.State.Pid, syscall.SIGKILL))
		return true
	}, 5*time.Minute, 20*time.Millisecond)
}
