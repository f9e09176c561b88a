package dockerinstall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/host/apt"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// strategy is one way to start the engine.
type strategy struct {
	name string
	// only says not to try other strategies if this one is available.
	only bool
	here func() bool
	// start returns as soon as the engine is starting; ended then reports if it fails, and is nil
	// if that cannot be known.
	start func(context.Context, *progress.Step) (ended <-chan error, err error)
	// logTail returns the end of the engine's own log, for an error; may be empty.
	logTail func() string
}

// strategies are in the order in which they are tried.
func strategies(logFile string) []strategy {
	return []strategy{
		{
			name: "systemd", only: true,
			here:    func() bool { return exists("/run/systemd/system") },
			start:   run("systemctl", "start", "docker"),
			logTail: func() string { return said("journalctl", "--no-pager", "--lines=30", "--unit=docker") },
		},
		{
			name:    "its init script",
			here:    func() bool { return exists("/etc/init.d/docker") },
			start:   run("service", "docker", "start"),
			logTail: func() string { return end("/var/log/docker.log") },
		},
		{
			name:    "dockerd itself",
			here:    func() bool { return true },
			start:   func(context.Context, *progress.Step) (<-chan error, error) { return detach(logFile, "dockerd") },
			logTail: func() string { return end(logFile) },
		},
	}
}

const (
	// pidFile contains an engine's process ID. While that process exists, no other engine starts.
	pidFile   = "/var/run/docker.pid"
	endWithin = 10 * time.Second
)

// awaitEnd waits until the process in the file has ended: one that was just killed may still exist.
// After that, the new engine reports it.
func awaitEnd(ctx context.Context, file string, within time.Duration) {
	_ = poll.Until(ctx, 50*time.Millisecond, within, func(context.Context) (bool, error) {
		text, err := os.ReadFile(file)
		pid, wrong := strconv.Atoi(strings.TrimSpace(string(text)))
		return err != nil || wrong != nil || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH), nil //nolint:nilerr // without a file nothing runs
	})
}

// run starts the engine with a command that ends.
func run(program string, arguments ...string) func(context.Context, *progress.Step) (<-chan error, error) {
	return func(ctx context.Context, s *progress.Step) (<-chan error, error) {
		command := apt.Command(ctx, program, arguments...)
		command.Stdout, command.Stderr = s.Writer(), s.Writer()
		if err := command.Run(); err != nil {
			return nil, fmt.Errorf("%s %s: %w", program, strings.Join(arguments, " "), err)
		}
		return nil, nil
	}
}

// detach starts a program in its own session, so that it outlives this one and the terminal's
// interrupts do not reach it. Its output goes to the file.
func detach(logFile, program string, arguments ...string) (<-chan error, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", program, err)
	}
	defer func() { _ = log.Close() }() // the program has its own copy
	found := apt.Command(context.Background(), program, arguments...)
	command := &exec.Cmd{
		Path: found.Path, Args: found.Args, Env: found.Env, Dir: "/",
		Stdout: log, Stderr: log,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	ended := make(chan error, 1)
	go func() {
		if err := command.Wait(); err != nil {
			ended <- err
			return
		}
		ended <- errors.New("without an error")
	}()
	return ended, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

const keep = 8000 // bytes of a log

// end returns the end of a log file, as part of an error; empty if there is none.
func end(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(-keep, io.SeekEnd); err != nil {
		_, _ = file.Seek(0, io.SeekStart) // the file is shorter than that
	}
	text, _ := io.ReadAll(file)
	return quote(path, text)
}

// said returns a command's output, as part of an error.
func said(program string, arguments ...string) string {
	text, _ := apt.Command(context.Background(), program, arguments...).Output()
	return quote(program+" "+strings.Join(arguments, " "), text)
}

// quote omits irrelevant lines.
func quote(source string, text []byte) string {
	var lines [][]byte
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(" level=info ")) {
			lines = append(lines, line)
		}
	}
	text = bytes.TrimSpace(bytes.Join(lines, nil))
	if len(text) == 0 {
		return ""
	}
	if len(text) > keep {
		text = text[len(text)-keep:]
	}
	return fmt.Sprintf("; %s ends with:\n%s", source, strings.ToValidUTF8(string(text), ""))
}
