package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	// revokeTimeout is how long it is tried when somebody has to go: what has to let them
	// go may be starting again just then.
	revokeTimeout = time.Minute
	revokePoll    = 2 * time.Second
)

// countdown counts down to the end of somebody's time, or to that of the command.
func countdown(ctx context.Context, log *progress.Log, name string, until time.Time) error {
	return log.Step(ctx, name, func(ctx context.Context, step *progress.Step) error {
		ctx, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		for {
			step.Say("%s left; Ctrl-C ends it", time.Until(until).Round(time.Second))
			select {
			case <-ctx.Done():
				step.Say("it is over")
				return nil
			case <-time.After(time.Second):
			}
		}
	})
}

// revokeOnExit ends what somebody was let in with, also after an interrupt. Where that cannot be
// done in time, otherwise says what ends it instead.
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
