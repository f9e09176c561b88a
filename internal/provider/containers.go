package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// containers runs commands in containers, such as [engine.Engine].
type containers interface {
	Exec(ctx context.Context, container string, argv []string, options ...engine.ExecOption) (engine.Result, error)
	WaitReady(ctx context.Context, container string, waiting func(engine.State)) error
	Close() error
}

// inContainer is embedded by the kinds that run a command in a container named by their inputs.
// They need no login, so any provider can manage them.
type inContainer struct {
	// open connects to the Docker host.
	open func(context.Context) (containers, error)
}

func openDocker(ctx context.Context) (containers, error) {
	docker, err := engine.Open(ctx)
	if err != nil {
		return nil, err // not an interface around nil
	}
	return docker, nil
}

func (inContainer) needs() need { return nothing }

// do calls a function with the Docker host.
func (k inContainer) do(ctx context.Context, call func(containers) error) (err error) {
	docker, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	return call(docker)
}

// doReady is do once a container is ready: Pulumi does not wait for one that was only started.
func (k inContainer) doReady(ctx context.Context, at target, container string, call func(containers) error) error {
	return k.do(ctx, func(docker containers) error {
		waiting, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		err := docker.WaitReady(waiting, container, func(state engine.State) {
			if state.Ended() {
				stop(fmt.Errorf("it has ended with code %d", state.ExitCode))
			}
			at.progress(state.Waiting(container))
		})
		if errors.Is(err, engine.ErrNoContainer) {
			return fmt.Errorf("%w: `pulumi up --refresh` creates it again", err)
		}
		if err != nil {
			if cause := context.Cause(waiting); cause != nil {
				err = cause
			}
			return fmt.Errorf("container %s is not ready: %w; `docker logs %s` says why", container, err, container)
		}
		return call(docker)
	})
}
