package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/poll"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	// goodbyeWithin is how long it is tried when somebody has to go: what has to let them
	// go may be starting again just then.
	goodbyeWithin = time.Minute
	goodbyePoll   = 2 * time.Second
)

// stay counts down to the end of somebody's time, or to that of the command.
func stay(ctx context.Context, log *progress.Log, name string, until time.Time) error {
	return log.Step(ctx, name, func(ctx context.Context, step *progress.Step) error {
		ctx, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		_ = poll.Until(ctx, time.Second, 0, func(context.Context) (bool, error) {
			step.Say("%s left; Ctrl-C ends it", time.Until(until).Round(time.Second))
			return false, nil
		})
		step.Say("it is over")
		return nil
	})
}

// leave ends what somebody was let in with, also after an interrupt. Where that cannot be
// done in time, otherwise says what ends it instead.
func leave(ctx context.Context, log *progress.Log, name string, end func(context.Context) error, otherwise string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyeWithin)
	defer cancel()
	return log.Step(ctx, name, func(ctx context.Context, step *progress.Step) error {
		var failed error
		if poll.Until(ctx, goodbyePoll, 0, func(ctx context.Context) (bool, error) {
			if failed = end(ctx); failed != nil {
				step.Say("%v", failed)
			}
			return failed == nil, nil
		}) != nil {
			return fmt.Errorf("%w; %s", failed, otherwise)
		}
		return nil
	})
}
