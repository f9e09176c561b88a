package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlflow-sso/mlflow-sso/internal/poll"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// lock waits until no other process holds the file, and holds it until unlock. The kernel
// releases it when a process ends for any reason.
func lock(ctx context.Context, path string, log *progress.Log) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock of the toolchain: %w", err)
	}
	take := func() error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
	err = take()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = log.Step(ctx, "wait for another process that prepares the toolchain", func(ctx context.Context, _ *progress.Step) error {
			return poll.Until(ctx, 500*time.Millisecond, 0, func(context.Context) (bool, error) {
				err := take()
				if errors.Is(err, unix.EWOULDBLOCK) {
					return false, nil
				}
				return true, err
			})
		})
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil
}
