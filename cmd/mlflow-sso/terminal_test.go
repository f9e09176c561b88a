package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
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
	require.NoError(t, err, "this test needs pseudo-terminals, as every terminal does")
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
	_ = command.Wait() // a command that finds no stack fails
	return out.String(), time.Since(began)
}

// queries are what a program asks a terminal: its colours, where its cursor is, what it can do. A
// terminal that does not answer is waited for, and an answer that comes late is typed at the prompt.
var queries = regexp.MustCompile(`\x1b\]1[01];\?|\x1b\[6n|\x1b\[[>=]?0?c|\x1b\[\?\d+\$p|\x1bP\+q`)

// An imported library used to ask the terminal for its colours, and waited five seconds
// for a terminal that does not answer.
func TestNoCommandQueriesTheTerminal(t *testing.T) {
	for _, arguments := range []string{"--help", "version", "list", "status", "doctor", "outputs", "preview --stack nope", "nope", "__complete up --stack d"} {
		written, took := runInTerminal(t, arguments)
		require.NotEmpty(t, written, arguments)
		require.NotRegexp(t, queries, written, "%s queries the terminal", arguments)
		// One query waits for five seconds. What is left is for a machine that is busy.
		require.Less(t, took, 4*time.Second, arguments)
	}
	written, _ := runInTerminal(t, "--help")
	require.Contains(t, written, "Usage:")
	require.NotContains(t, written, "\x1b", "help is in colour")
	for _, query := range []string{"\x1b]11;?\x1b\\", "\x1b[6n", "\x1b[c", "\x1b[>0c"} {
		require.Regexp(t, queries, query)
	}
	require.NotRegexp(t, queries, "\x1b[1;31mred\x1b[0m\r\x1b[K")
}
