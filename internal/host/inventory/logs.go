package inventory

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Line is a line of a container's log.
type Line struct {
	Component string    `json:"component"`
	Time      time.Time `json:"time"`
	// Stream is stdout or stderr.
	Stream string `json:"stream"`
	Text   string `json:"text"`
}

// LogOptions say which lines.
type LogOptions struct {
	// Follow waits for new lines until the context ends.
	Follow bool
	// Since is a time or a duration before now, as Docker takes it; empty for all.
	Since string
	// Tail is the number of lines of each container, or "all".
	Tail string
}

// Logs writes the lines of containers to write: in the order of time, or as they come if they are
// followed. It is never called by two containers at once.
func Logs(ctx context.Context, docker *engine.Engine, containers []Container, options LogOptions, write func(Line) error) error {
	if !options.Follow {
		var all []Line
		for _, c := range containers {
			if err := logOf(ctx, docker, c, options, func(l Line) error { all = append(all, l); return nil }); err != nil {
				return err
			}
		}
		slices.SortStableFunc(all, func(a, b Line) int { return a.Time.Compare(b.Time) })
		for _, l := range all {
			if err := write(l); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var one sync.Mutex
	var running sync.WaitGroup
	for _, c := range containers {
		running.Go(func() {
			if err := logOf(ctx, docker, c, options, func(l Line) error {
				one.Lock()
				defer one.Unlock()
				return write(l)
			}); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

func logOf(ctx context.Context, docker *engine.Engine, c Container, options LogOptions, write func(Line) error) error {
	stream, err := docker.API().ContainerLogs(ctx, c.Name, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: options.Follow, Since: options.Since, Tail: options.Tail,
	})
	if err != nil {
		return fmt.Errorf("log of container %s: %w", c.Name, err)
	}
	defer func() { _ = stream.Close() }()
	out, errs := &lines{component: c.Component, stream: "stdout", write: write}, &lines{component: c.Component, stream: "stderr", write: write}
	_, err = stdcopy.StdCopy(out, errs, stream)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && err != io.EOF { //nolint:errorlint // stdcopy returns it as it is
		return fmt.Errorf("log of container %s: %w", c.Name, err)
	}
	if err := out.end(); err != nil {
		return err
	}
	return errs.end()
}

// colours are sequences that a terminal obeys.
var colours = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]`)

// lines cuts a stream into lines.
type lines struct {
	component, stream string
	write             func(Line) error
	rest              string
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest += string(p)
	for {
		line, rest, whole := strings.Cut(l.rest, "\n")
		if !whole {
			return len(p), nil
		}
		l.rest = rest
		if err := l.write(l.parsed(line)); err != nil {
			return 0, err
		}
	}
}

func (l *lines) end() error {
	if l.rest == "" {
		return nil
	}
	return l.write(l.parsed(l.rest))
}

// parsed takes Docker's time off the beginning of a line, and what would change a terminal out of it:
// a log has texts of users who are not logged in.
func (l *lines) parsed(text string) Line {
	line := Line{Component: l.component, Stream: l.stream}
	if stamp, rest, ok := strings.Cut(text, " "); ok {
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
			line.Time, text = at, rest
		}
	}
	text = colours.ReplaceAllString(text, "")
	line.Text = strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.TrimSuffix(text, "\r"))
	return line
}
