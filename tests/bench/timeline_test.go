//go:build bench

package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// mark is a part of a start-up, in seconds since its start.
type mark struct {
	What  string  `json:"what"`
	Begin float64 `json:"begin"`
	End   float64 `json:"end"`
}

// timeline records when the parts of a start-up start and end. It is safe for concurrent use.
type timeline struct {
	began time.Time

	mutex sync.Mutex
	marks []*mark
}

func newTimeline() *timeline { return &timeline{began: time.Now()} }

func (l *timeline) now() float64 { return time.Since(l.began).Seconds() }

// begin records a part, which continues until end.
func (l *timeline) begin(what string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.now()
	l.marks = append(l.marks, &mark{What: what, Begin: now, End: now})
}

func (l *timeline) end(what string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, m := range l.marks {
		if m.What == what {
			m.End = l.now()
		}
	}
}

// during records the part while do runs.
func (l *timeline) during(what string, do func() error) error {
	l.begin(what)
	defer l.end(what)
	return do()
}

// finished are the marks in the order of their start.
func (l *timeline) finished() []mark {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	marks := make([]mark, len(l.marks))
	for i, m := range l.marks {
		marks[i] = *m
	}
	return marks
}

// watched is a step whose reports about resources are recorded on a timeline.
type watched struct {
	*progress.Step
	line *timeline
}

// Say records "making x" and "x done in 1.2s", as package stack writes them.
func (w watched) Say(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	if name, ok := strings.CutPrefix(text, "making "); ok {
		w.line.begin(name)
	} else if name, _, ok := strings.Cut(text, " done in "); ok {
		w.line.end(name)
	}
	w.Step.Say("%s", text)
}

// Writer is the step's own.
func (w watched) Writer() io.Writer { return w.Step.Writer() }

// watchContainers records, until the returned function is called, the time from the start of a
// container with the label to its first successful health check.
func watchContainers(ctx context.Context, docker *engine.Engine, labelled string, line *timeline) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	messages, failed := docker.API().Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", labelled),
	)})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-failed: // at the latest when ctx ends
				return
			case m := <-messages:
				what := m.Actor.Attributes[naming.Component] + ": runs, not yet healthy"
				switch m.Action {
				case events.ActionStart:
					line.begin(what)
				case events.ActionHealthStatusHealthy:
					line.end(what)
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}
