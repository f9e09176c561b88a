package dockerinstall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func TestEnsureNeverStartsAnEngineInPlaceOfTheOneThatDockerHostNames(t *testing.T) {
	socket := "unix://" + filepath.Join(t.TempDir(), "docker.sock")
	t.Setenv("DOCKER_HOST", socket)
	t.Setenv("PATH", t.TempDir())
	h, err := datadir.At(t.TempDir())
	require.NoError(t, err)

	_, err = Ensure(context.Background(), h, progress.New(io.Discard))

	require.ErrorIs(t, err, engine.ErrNoDaemon)
	require.ErrorContains(t, err, socket)
	require.NoFileExists(t, filepath.Join(h.Dir(), "dockerd.log"))
}

func TestAnEngineThatThisUserMayNotUseIsNotStartedAgain(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")

	require.True(t, ours(fmt.Errorf("%w at unix:///x", engine.ErrNoDaemon)))
	require.False(t, ours(fmt.Errorf("%w at unix:///x: %w", engine.ErrNoDaemon, syscall.EACCES)))
	require.False(t, ours(errors.New("another thing")))
}

// program is a shell script that stands in for dockerd.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	return path
}

func TestAnEngineThatGivesUpEndsTheWaitAndItsLogIsInTheError(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "docker.sock"))
	logFile := filepath.Join(t.TempDir(), "log")
	script := program(t, "echo time=x level=info msg=chatter; echo failed to mount overlay: operation not permitted >&2; exit 3")
	began := time.Now()

	var err error
	_ = progress.New(io.Discard).Step(context.Background(), "x", func(ctx context.Context, s *progress.Step) error {
		_, err = start(ctx, s, strategy{
			start:   func(context.Context, *progress.Step) (<-chan error, error) { return detach(logFile, script) },
			logTail: func() string { return end(logFile) },
		})
		return err
	})

	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "failed to mount overlay")
	require.NotContains(t, err.Error(), "chatter")
	require.Less(t, time.Since(began), patience/2)
}

func TestADetachedProgramIsNotReachedByAnInterruptOfThisOne(t *testing.T) {
	logFile := filepath.Join(t.TempDir(), "log")
	ended, err := detach(logFile, program(t, `echo "$(cut -d " " -f 6 /proc/$$/stat) $$"`))
	require.NoError(t, err)
	require.EqualError(t, <-ended, "without an error")

	text, err := os.ReadFile(logFile)

	require.NoError(t, err)
	var session, process int
	_, err = fmt.Sscan(string(text), &session, &process)
	require.NoError(t, err)
	require.Equal(t, process, session, "it leads a session of its own")
	found, err := os.Stat(logFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), found.Mode().Perm())
}

func TestTheEndOfALongLogIsKeptAndNotItsBeginning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	long := make([]byte, 10*keep)
	for i := range long {
		long[i] = 'x'
	}
	require.NoError(t, os.WriteFile(path, append(append([]byte("first"), long...), "last"...), 0o600))

	text := end(path)

	require.Contains(t, text, "last")
	require.NotContains(t, text, "first")
	require.Empty(t, end(filepath.Join(t.TempDir(), "none")))
}

func TestAnEngineIsNotStartedBeforeTheKilledOneHasEnded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "docker.pid")
	awaitEnd(t.Context(), file, time.Minute) // it does not exist

	ending := exec.Command("sleep", "0.5")
	require.NoError(t, ending.Start())
	gone := make(chan error, 1)
	go func() { gone <- ending.Wait() }()
	require.NoError(t, os.WriteFile(file, []byte(strconv.Itoa(ending.Process.Pid)+"\n"), 0o600))
	awaitEnd(t.Context(), file, time.Minute)
	require.Error(t, syscall.Kill(ending.Process.Pid, 0), "it was still there")
	require.NoError(t, <-gone)

	require.NoError(t, os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600))
	began := time.Now()
	awaitEnd(t.Context(), file, 100*time.Millisecond)
	require.Less(t, time.Since(began), 30*time.Second, "what does not end is not waited for without end")
}
