package engine

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenNamesTheAddressAndTheNextStepWhenNoDaemonAnswers(t *testing.T) {
	socket := "unix://" + filepath.Join(t.TempDir(), "docker.sock")
	t.Setenv("DOCKER_HOST", socket)
	t.Setenv("DOCKER_CERT_PATH", "")
	t.Setenv("DOCKER_TLS_VERIFY", "")

	_, err := Open(context.Background())

	require.ErrorIs(t, err, ErrNoDaemon)
	require.ErrorContains(t, err, socket)
	require.ErrorContains(t, err, "DOCKER_HOST is set")
}

func TestOpenRefusesAnAddressThatIsNone(t *testing.T) {
	t.Setenv("DOCKER_HOST", "not-an-address")

	_, err := Open(context.Background())

	require.ErrorContains(t, err, "DOCKER_HOST")
	require.NotErrorIs(t, err, ErrNoDaemon)
}

func TestResultErrShowsStandardErrorAndNeverStandardOutput(t *testing.T) {
	err := Result{Stdout: "hidden-value", Stderr: "it broke\n", ExitCode: 3}.Err()

	require.EqualError(t, err, "exit code 3: it broke")
	require.NoError(t, Result{Stderr: "a warning"}.Err())
	require.EqualError(t, Result{ExitCode: 1}.Err(), "exit code 1 and nothing on standard error")

	long := Result{Stderr: strings.Repeat("ä", 1000) + "the cause", ExitCode: 1}.Err()
	require.ErrorContains(t, long, "the cause")
	require.Less(t, len(long.Error()), 500)
}

func TestOfAPythonTracebackTheExceptionIsLeft(t *testing.T) {
	const traceback = "a warning\nTraceback (most recent call last):\n  File \"x.py\", line 3, in <module>\n    main()\n    ~~~~^^\n" +
		"sqlalchemy.exc.OperationalError: connection refused\n\tIs the server running?\n"
	require.EqualError(t, Result{Stderr: traceback, ExitCode: 1}.Err(),
		"exit code 1: sqlalchemy.exc.OperationalError: connection refused\n\tIs the server running?")
	require.EqualError(t, Result{Stderr: "Traceback (most recent call last):\n  cut off", ExitCode: 1}.Err(),
		"exit code 1: Traceback (most recent call last):\n  cut off")
}

func TestOnlyARunningAndHealthyContainerIsReady(t *testing.T) {
	for _, test := range []struct {
		state State
		ready bool
	}{
		{State{Status: "running"}, true},
		{State{Status: "running", Health: "healthy"}, true},
		{State{Status: "running", Health: "starting"}, false},
		{State{Status: "running", Health: "unhealthy"}, false},
		{State{Status: "exited", Health: "healthy"}, false},
		{State{Status: "created"}, false},
	} {
		require.Equal(t, test.ready, test.state.Ready(), "%+v", test.state)
	}
}
