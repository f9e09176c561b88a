// Package poll repeats a check until it succeeds or its time is over.
package poll

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrTimeout is wrapped when the limit was reached.
var ErrTimeout = errors.New("it took too long")

// Until calls ask at once and then every so often, until it says that it is done or fails, whose
// error is returned as it is; until ctx ends, whose cause is returned; or until limit is over,
// for which 0 is none.
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

// Pause waits for a while, or until ctx ends, whose cause it returns then.
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
