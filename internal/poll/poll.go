// Package poll repeats a check until it succeeds or times out.
package poll

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrTimeout is wrapped when the limit is reached.
var ErrTimeout = errors.New("it took too long")

// Until calls ask immediately and then at every interval, until it is done or returns an error,
// which Until returns unchanged; until ctx ends, whose cause it returns; or until limit is
// reached (0 for none).
func Until(ctx context.Context, every, limit time.Duration, ask func(context.Context) (done bool, err error)) error {
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	for {
		if done, err := ask(ctx); err != nil || done {
			return err
		}
		pause := time.NewTimer(every)
		select {
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		case <-over:
			pause.Stop()
			return fmt.Errorf("%w: more than %s", ErrTimeout, limit)
		case <-pause.C:
		}
	}
}

// Pause waits for a duration, or until ctx ends, whose cause it returns then.
func Pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
