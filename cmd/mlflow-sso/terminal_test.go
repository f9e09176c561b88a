package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mlflow-sso/mlflow-sso/cmd/mlflow-sso/internal/noquery"
)

// toolArguments makes the test binary run as the tool, so that no second build is needed.
const toolArguments = "MLFLOW_SSO_TEST_ARGUMENTS"

func TestMain(m *testing.M) {
	if arguments := os.Getenv(toolArguments); arguments != "" {
		noquery.Restore()
		os.Exit(run(strings.Fields(arguments), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// runInTerminal runs the tool with a pseudo-terminal that answers no query.
func runInTerminal(t *testing.T, arguments string) (written string, took time.Duration) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	defer func() { _ = master.Close() }()
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)

	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
	command.Env = []string{"TERM=xterm-256color", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), toolArguments + "=" + arguments}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	began := time.Now()
	require.NoError(t, command.Start())
	require.NoError(t, terminal.Close())
	var out bytes.Buffer
	buffer := make([]byte, 4096)
	for {
		n, err := master.Read(buffer)
		out.Write(buffer[:n])
		if err != nil {
			break // the program has ended and closed the terminal
		}
	}
	require.NoError(t, command.Wait())
	return out.String(), time.Since(began)
}

// An imported library used to query the terminal's colours, and waited five seconds for a
// terminal that does not respond.
func TestHelpDoesNotQueryTheTerminal(t *testing.T) {
	written, took := runInTerminal(t, "--help")
	require.Contains(t, written, "Usage:")
	require.NotContains(t, written, "\x1b", "an escape sequence: the terminal was queried, or help is in colour")
	require.Less(t, took, 4*time.Second)
}
