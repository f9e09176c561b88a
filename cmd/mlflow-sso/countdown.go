package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/poll"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	// revokeTimeout limits the attempts to revoke access: the service may be restarting.
	revokeTimeout = time.Minute
	revokePoll    = 2 * time.Second
)

// countdown waits until the time is over or the command is interrupted.
func countdown(ctx context.Context, log *progress.Log, name string, until time.Time) error {
	return log.Step(ctx, name, func(ctx context.Context, step *progress.Step) error {
		ctx, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		_ = poll.Until(ctx, time.Second, 0, func(context.Context) (bool, error) {
			step.Say("%s left; press Ctrl-C to end it", time.Until(until).Round(time.Second))
			return false, nil
		})
		step.Say("ended")
		return nil
	})
}

// revokeOnExit revokes temporary access, also after an interrupt. If that fails within
// revokeTimeout, the error ends with otherwise, which says how the access ends instead.
func revokeOnExit(ctx context.Context, log *progress.Log, name string, end func(context.Context) error, otherwise string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	return log.Step(ctx, name, func(ctx context.Context, step *progress.Step) error {
		var failed error
		if poll.Until(ctx, revokePoll, 0, func(ctx context.Context) (bool, error) {
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
