package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	// revokeTimeout limits the attempts to revoke access: the service that has to do it may
	// be restarting.
	revokeTimeout = time.Minute
	revokePoll    = 2 * time.Second
)

// countdown waits until the time is over or the command is interrupted.
func countdown(ctx context.Context, log *progress.Log, name string, until time.Time) error {
	return log.Step(ctx, name, func(ctx context.Context, step *progress.Step) error {
		ctx, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		for {
			step.Say("%s left; press Ctrl-C to end it", time.Until(until).Round(time.Second))
			select {
			case <-ctx.Done():
				step.Say("ended")
				return nil
			case <-time.After(time.Second):
			}
		}
	})
}

// revokeOnExit revokes temporary access, also after an interrupt. If that fails within
// revokeTimeout, the error ends with otherwise, which says what revokes it instead.
func revokeOnExit(ctx context.Context, log *progress.Log, name string, end func(context.Context) error, otherwise string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	return log.Step(ctx, name, func(ctx context.Context, step *progress.Step) error {
		for {
			err := end(ctx)
			if err == nil {
				return nil
			}
			step.Say("%v", err)
			select {
			case <-ctx.Done():
				return fmt.Errorf("%w; %s", err, otherwise)
			case <-time.After(revokePoll):
			}
		}
	})
}
