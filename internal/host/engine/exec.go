package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// ErrNoContainer is wrapped when a container of the given name does not exist,
// ErrNotRunning when it exists but does not run.
var (
	ErrNoContainer = errors.New("no such container")
	ErrNotRunning  = errors.New("container is not running")
)

// Result is the result of a command inside a container.
type Result struct {
	Stdout, Stderr string
	// ExitCode is the command's own; 0 is success.
	ExitCode int
}

// Err returns nil if the command succeeded; otherwise an error with the exit code and the end of
// standard error. It never repeats standard output, which may contain secrets.
func (r Result) Err() error {
	if r.ExitCode == 0 {
		return nil
	}
	said := withoutTraceback(strings.TrimSpace(r.Stderr))
	if said == "" {
		return fmt.Errorf("exit code %d and nothing on standard error", r.ExitCode)
	}
	const keep = 400
	if len(said) > keep {
		said = "…" + strings.ToValidUTF8(said[len(said)-keep:], "")
	}
	return fmt.Errorf("exit code %d: %s", r.ExitCode, said)
}

// withoutTraceback leaves of a Python traceback the exception, which says what is wrong; where in the
// program that was does not help the reader.
func withoutTraceback(said string) string {
	if !strings.Contains(said, "Traceback (most recent call last):") {
		return said
	}
	lines := strings.Split(said, "\n")
	last := 0
	for i, line := range lines {
		if strings.HasPrefix(line, "  ") {
			last = i + 1
		}
	}
	if last == len(lines) {
		return said
	}
	return strings.Join(lines[last:], "\n")
}

// ExecOption changes how a command runs.
type ExecOption func(*execution)

type execution struct {
	container.ExecOptions
	input  io.Reader
	output io.Writer
}

// Stdin is the command's standard input: the way to pass a secret, which would show in the
// process list as an argument.
func Stdin(r io.Reader) ExecOption {
	return func(x *execution) { x.input, x.AttachStdin = r, true }
}

// Stdout streams the command's standard output to w instead of collecting it in Result.Stdout:
// for output too large to hold in memory.
func Stdout(w io.Writer) ExecOption {
	return func(x *execution) { x.output = w }
}

// Streams returns the standard input and output that options set, nil for none, for fakes of an
// engine.
func Streams(options ...ExecOption) (input io.Reader, output io.Writer) {
	var run execution
	for _, option := range options {
		option(&run)
	}
	return run.input, run.output
}

// Exec runs cmd (not through a shell) in a running container, as the container's own user and
// with its environment, and waits for it to end. A command that fails is not an error here: see
// Result.ExitCode and Result.Err. If ctx ends first, Exec returns ctx's error, but the command
// continues: the engine cannot stop it.
func (e *Engine) Exec(ctx context.Context, name string, cmd []string, options ...ExecOption) (Result, error) {
	run := execution{ExecOptions: container.ExecOptions{Cmd: cmd, AttachStdout: true, AttachStderr: true}}
	for _, option := range options {
		option(&run)
	}
	result, err := e.exec(ctx, name, run)
	if err != nil {
		return Result{}, fmt.Errorf("run %s in container %s: %w", program(cmd), name, err)
	}
	return result, nil
}

// program returns the part of a command that an error may show: never the arguments.
func program(cmd []string) string {
	if len(cmd) == 0 {
		return "an empty command"
	}
	return cmd[0]
}

func (e *Engine) exec(ctx context.Context, name string, run execution) (Result, error) {
	created, err := e.api.ContainerExecCreate(ctx, name, run.ExecOptions)
	switch {
	case errdefs.IsNotFound(err):
		return Result{}, fmt.Errorf("%w; bring the stack up first", ErrNoContainer)
	case errdefs.IsConflict(err):
		return Result{}, fmt.Errorf("%w: %w; check `docker logs %s`", ErrNotRunning, err, name)
	case err != nil:
		return Result{}, err
	}
	stream, err := e.api.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return Result{}, err
	}
	defer stream.Close()
	// A hijacked connection ignores ctx: closing it ends the copies.
	defer context.AfterFunc(ctx, stream.Close)()

	if run.input != nil {
		go func() {
			// A command that stops reading early breaks this pipe; its exit code is more
			// informative than the write error.
			_, _ = io.Copy(stream.Conn, run.input)
			_ = stream.CloseWrite()
		}()
	}
	var stdout, stderr bytes.Buffer
	sink := io.Writer(&stdout)
	if run.output != nil {
		sink = run.output
	}
	_, err = stdcopy.StdCopy(sink, &stderr, stream.Reader)
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	if err != nil {
		return Result{}, fmt.Errorf("read its output: %w", err)
	}
	code, err := e.exitCode(ctx, created.ID)
	if err != nil {
		return Result{}, err
	}
	return Result{Stdout: stdout.String(), Stderr: stderr.String(), ExitCode: code}, nil
}

// exitCode waits for the exit code of a command whose streams have closed. The engine may report
// it as running for a moment longer.
func (e *Engine) exitCode(ctx context.Context, id string) (int, error) {
	var code int
	err := poll.Until(ctx, 20*time.Millisecond, 0, func(ctx context.Context) (bool, error) {
		state, err := e.api.ContainerExecInspect(ctx, id)
		if err != nil {
			return false, fmt.Errorf("read its exit code: %w", err)
		}
		code = state.ExitCode
		return !state.Running, nil
	})
	return code, err
}
