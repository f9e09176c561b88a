package stack

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Pulumi waits until a container that it creates is healthy, but not for one that was stopped and
// only started again.
const readyWithin = 5 * time.Minute

// WaitReady waits until every container of the stack is ready.
func (s *Stack) WaitReady(ctx context.Context, step Step) error {
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for _, name := range deployed.Containers() {
		if err := s.ready(ctx, step, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) ready(ctx context.Context, step Step, name string) error {
	var last engine.State
	err := s.Docker.WaitReady(ctx, name, func(state engine.State) {
		last = state
		step.Say("%s", state.Waiting(name))
	})
	if ctx.Err() != nil {
		return s.notReady(ctx, name, last)
	}
	return err
}

func (s *Stack) notReady(ctx context.Context, name string, state engine.State) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return fmt.Errorf("container %s is %s %s and did not get ready within %s; its last lines:\n%s",
		name, state.Status, state.Health, readyWithin, s.lastLines(ctx, name))
}
