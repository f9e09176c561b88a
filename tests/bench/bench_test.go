//go:build bench

// Package bench measures the figures of docs/reference/performance.md on this machine: start-up
// time against a baseline, an update without changes, idle memory.
//
// No figure fails the test, since a busy machine is not a bug of the program. A wrong result
// does: a login that ends at another page, an update that changes something, drift. It removes
// everything that it creates, also after a failure or an interrupt.
//
//	MLFLOW_SSO_BENCH_ROUNDS  how often each start-up is measured; 3 if not set
//	MLFLOW_SSO_BENCH_JSON    a file for the figures as JSON
package bench

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	variableRounds = "MLFLOW_SSO_BENCH_ROUNDS"
	variableJSON   = "MLFLOW_SSO_BENCH_JSON"

	defaultRounds = 3
	// timeToCleanUp is reserved from the test's time limit.
	timeToCleanUp = 5 * time.Minute
)

// One test measures all figures because they share what takes minutes to create: the images, and
// the stack that is idle and up to date.
func TestFigures(t *testing.T) {
	ctx := interruptible(t)
	m := openMachine(ctx, t)
	f := newFigures(rounds(t))

	m.warmUp(ctx, t, f)
	m.startUps(ctx, t, f)

	require.NoError(t, f.print(os.Stdout))
	if file := os.Getenv(variableJSON); file != "" {
		require.NoError(t, f.writeJSON(file))
	}
}

// interruptible returns a context that ends early enough to clean up: at an interrupt, and before
// the test's time limit.
func interruptible(t *testing.T) context.Context {
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	if end, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-timeToCleanUp))
		t.Cleanup(cancel)
	}
	return ctx
}

func rounds(t *testing.T) int {
	text := os.Getenv(variableRounds)
	if text == "" {
		return defaultRounds
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variableRounds)
	require.Positive(t, n, variableRounds)
	return n
}

// startUps measures the tool and the lower bound in turn, A B B A A B, so that other load and
// caches affect both alike.
func (m *machine) startUps(ctx context.Context, t *testing.T, f *figures) {
	var copied *blueprint
	for round := range f.Rounds {
		pair := &pair{}
		up := func() { copied = m.measureUp(ctx, t, &pair.Up) }
		baseline := func() { m.measureBaseline(ctx, t, copied, &pair.Baseline) }
		if round%2 == 0 {
			up()
			baseline()
		} else {
			baseline()
			up()
		}
		pair.Ratio = pair.Up.Seconds / pair.Baseline.Seconds
		f.Pairs = append(f.Pairs, pair)
	}
}
