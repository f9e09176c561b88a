//go:build bench

package bench

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// idleTime is the idle time before the stack's memory is read.
const idleTime = time.Minute

// warmUp brings up a stack that builds its images, and measures on it the figures of a running
// stack: memory, an update without a change, drift.
func (m *machine) warmUp(ctx context.Context, t *testing.T, f *figures) {
	s := m.openStack(ctx, t, m.run+"-warm")
	require.NoError(t, m.log.Step(ctx, "warm up: images, and a stack that is not timed", func(ctx context.Context, step *progress.Step) error {
		_, err := lifecycle.Up(ctx, s, step, false)
		return err
	}))
	m.keepImages(ctx, t, s.Config.Name)
	deployed, err := s.Outputs(ctx)
	require.NoError(t, err)
	require.NoError(t, logIn(ctx, deployed))
	require.NoError(t, m.log.Step(ctx, "leave it alone, then read its memory", func(ctx context.Context, _ *progress.Step) error {
		if err := pause(ctx, idleTime); err != nil {
			return err
		}
		f.Memory, err = m.memory(ctx, deployed)
		return err
	}))
	m.measureUnchanged(ctx, t, s, f)
	require.NoError(t, m.destroy(ctx, s))
}

// measureUnchanged times updates that have nothing to do, and requires that they change nothing.
func (m *machine) measureUnchanged(ctx context.Context, t *testing.T, s *stack.Stack, f *figures) {
	for range f.Rounds {
		require.NoError(t, m.log.Step(ctx, "update without a change", func(ctx context.Context, step *progress.Step) error {
			began := time.Now()
			changes, err := lifecycle.Up(ctx, s, step, false)
			f.Unchanged = append(f.Unchanged, time.Since(began).Seconds())
			require.Empty(t, changes, "the second update of an unchanged stack")
			return err
		}))
	}
	require.NoError(t, m.log.Step(ctx, "the whole command without a change", func(ctx context.Context, step *progress.Step) error {
		command := exec.CommandContext(ctx, filepath.Join(m.root, "bin", "mlflow-sso"), "up", "--no-verify", "--stack", s.Name, "--file", s.File)
		command.Dir, command.Stderr = m.root, step.Writer()
		began := time.Now()
		err := command.Run()
		f.UnchangedCommand = time.Since(began).Seconds()
		return err
	}))
	require.NoError(t, m.log.Step(ctx, "look for drift", func(ctx context.Context, step *progress.Step) error {
		began := time.Now()
		drift, err := lifecycle.Drift(ctx, s, step, "")
		f.Refresh = time.Since(began).Seconds()
		require.Empty(t, drift.Findings, "what a refresh would change in the state")
		return err
	}))
}

// measureUp times a stack from the start of the update to the first login, and tears it down
// again. It measures package stack's Up: the figures of an update without a change include the
// rest of the command. It returns what is needed to start the same containers without Pulumi.
func (m *machine) measureUp(ctx context.Context, t *testing.T, into *startUp) *blueprint {
	s := m.openStack(ctx, t, m.run)
	var copied *blueprint
	require.NoError(t, m.log.Step(ctx, "up", func(ctx context.Context, step *progress.Step) error {
		labelled := naming.Deployment + "=" + s.Config.Name
		into.Load = machineLoad()
		line, used := newTimeline(), m.processorClock(labelled)
		stop := watchContainers(ctx, m.docker, labelled, line)
		deployed, err := m.timedUp(ctx, s, step, line)
		into.Seconds = line.now()
		stop()
		if err != nil {
			return err
		}
		into.Parts = line.finished()
		step.Say("first login after %.1fs", into.Seconds)
		if into.CPU, err = used(ctx); err != nil {
			return err
		}
		copied, err = m.takeBlueprint(ctx, deployed)
		return err
	}))
	require.NoError(t, m.destroy(ctx, s))
	return copied
}

func (m *machine) timedUp(ctx context.Context, s *stack.Stack, step *progress.Step, line *timeline) (deployed outputs.Stack, err error) {
	err = line.during("update, all of it", func() error {
		_, err := lifecycle.Up(ctx, s, watched{step, line}, false)
		return err
	})
	if err != nil {
		return deployed, err
	}
	err = line.during("outputs", func() error {
		deployed, err = s.Outputs(ctx)
		return err
	})
	if err != nil {
		return deployed, err
	}
	return deployed, line.during("first login", func() error { return logIn(ctx, deployed) })
}
