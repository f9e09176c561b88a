package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// State is the state of a container.
type State struct {
	// Status is created, running, paused, restarting, removing, exited or dead.
	Status string
	// Health is starting, healthy or unhealthy; empty without a health check.
	Health string
	// ExitCode is the last one of a container that has ended.
	ExitCode int
	// OOMKilled reports that the kernel killed it for lack of memory.
	OOMKilled bool
	// LastCheck is the output of the latest health check.
	LastCheck string
}

// Ready reports whether the container runs and its health check, if it has one, passes.
func (s State) Ready() bool {
	return s.Status == container.StateRunning && (s.Health == "" || s.Health == container.Healthy)
}

// Waiting describes which container is waited for, and why.
func (s State) Waiting(name string) string {
	return fmt.Sprintf("waiting for container %s, which is %s %s", name, s.Status, s.Health)
}

// Ended reports whether the container has ended and will not restart by itself.
func (s State) Ended() bool {
	return s.Status == container.StateExited || s.Status == container.StateDead
}

// State inspects a container. A missing container returns ErrNoContainer.
func (e *Engine) State(ctx context.Context, name string) (State, error) {
	seen, err := e.api.ContainerInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return State{}, fmt.Errorf("container %s: %w", name, ErrNoContainer)
	}
	if err != nil {
		return State{}, fmt.Errorf("inspect container %s: %w", name, err)
	}
	state := State{Status: seen.State.Status, ExitCode: seen.State.ExitCode, OOMKilled: seen.State.OOMKilled}
	if health := seen.State.Health; health != nil && health.Status != container.NoHealthcheck {
		state.Health = health.Status
		if n := len(health.Log); n > 0 {
			state.LastCheck = health.Log[n-1].Output
		}
	}
	return state, nil
}

// readyPoll is the polling interval for a container that is waited for.
const readyPoll = 500 * time.Millisecond

// WaitReady waits until a container is ready, and calls waiting with each state before that. A
// container that does not exist is not waited for.
func (e *Engine) WaitReady(ctx context.Context, name string, waiting func(State)) error {
	return poll.Until(ctx, readyPoll, 0, func(ctx context.Context) (bool, error) {
		state, err := e.State(ctx, name)
		if err != nil || state.Ready() {
			return true, err
		}
		waiting(state)
		return false, nil
	})
}
