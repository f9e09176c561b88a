//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// Another account on the host: it may use Docker, and has a data directory of its own, which is empty.
func TestASecondOperatorLearnsWhoseAStackIsAndNeverDeploysIt(t *testing.T) {
	l := *sharedLab(t)
	l.env = append(l.env, "MLFLOW_SSO_HOME="+filepath.Join(t.TempDir(), "home"))
	before := things(t, l.name)
	for _, verb := range []string{"doctor", "outputs", "credentials", "drift", "preview", "up", "destroy"} {
		began := time.Now()
		got, err := l.run(t.Context(), verb)
		require.NoError(t, err)
		require.Equal(t, 1, got.code, "%s: %s", verb, got.stderr)
		require.Contains(t, got.stderr, "the state of this deployment is not here", verb)
		require.Contains(t, got.stderr, "MLFLOW_SSO_HOME", verb)
		require.NotContains(t, got.stderr, "mlflow-sso up", verb)
		require.NotContains(t, got.stderr, "compiling", verb)
		require.Less(t, time.Since(began), 20*time.Second, verb)
	}
	for kind, names := range things(t, l.name) {
		require.ElementsMatch(t, before[kind], names, kind)
	}

	var status struct {
		OwnState   bool
		Ready      int
		Containers []struct{ Component, Health string }
	}
	require.NoError(t, json.Unmarshal([]byte(l.must(t, "status", "--output", "json").stdout), &status))
	require.False(t, status.OwnState)
	require.Len(t, status.Containers, status.Ready, "all are healthy")
	require.GreaterOrEqual(t, status.Ready, 5)
	require.NotEmpty(t, l.must(t, "logs", "keycloak", "--tail", "5").stdout)
}

// from runs the tool from another directory, and without a stack file.
func (l *lab) from(t *testing.T, directory string, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), l.tool, append(arguments, "--stack", l.name)...)
	command.Dir, command.Env = directory, append(command.Environ(), l.env...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.Output()
	require.NoError(t, err, stderr.String())
	return string(stdout)
}

func TestCommandsOfADeployedStackRunFromAnyDirectory(t *testing.T) {
	l, deployed := sharedLab(t), runningStack(t)
	var read outputs.Stack
	require.NoError(t, json.Unmarshal([]byte(l.from(t, "/", "outputs")), &read))
	require.Equal(t, deployed.MLflow.URL, read.MLflow.URL)
	require.Equal(t, deployed.DemoUsers, read.DemoUsers)
	require.Contains(t, l.from(t, "/", "status"), deployed.MLflow.URL)
	require.Contains(t, l.from(t, "/", "doctor"), "healthy")
	require.Contains(t, l.from(t, "/", "preview"), "preview of stack "+l.name)
}

// liveOutput collects what a program writes while it runs.
type liveOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *liveOutput) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *liveOutput) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestCtrlCEndsAPreviewWith130(t *testing.T) {
	l := sharedLab(t)
	command := l.command(context.Background(), "preview")
	var stderr liveOutput
	command.Stderr = &stderr
	require.NoError(t, command.Start())
	require.Eventually(t, func() bool { return strings.Contains(stderr.String(), "start   preview") }, time.Minute, 50*time.Millisecond)
	require.NoError(t, command.Process.Signal(syscall.SIGINT))
	require.Error(t, command.Wait())
	require.Equal(t, 130, command.ProcessState.ExitCode(), stderr.String())
	require.Contains(t, stderr.String(), "interrupted with Ctrl-C")
	require.NotContains(t, stderr.String(), "canceled")
	require.NotContains(t, stderr.String(), "error:")
}
