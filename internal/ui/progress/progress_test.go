package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testClock advances when the test says so. A tick is received before pass returns.
type testClock struct {
	mu    sync.Mutex
	now   time.Time
	every time.Duration
	ticks chan time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Ticker(every time.Duration) (<-chan time.Time, func()) {
	c.every = every
	return c.ticks, func() {}
}

func (c *testClock) pass(d time.Duration) {
	for rest := d; rest > 0; rest -= c.every {
		c.mu.Lock()
		c.now = c.now.Add(min(rest, c.every))
		now := c.now
		c.mu.Unlock()
		if rest >= c.every {
			c.ticks <- now
			c.ticks <- now // received only after the first one is processed
		}
	}
}

func testLog(inline bool) (*Log, *testClock, *strings.Builder) {
	clock := &testClock{now: time.Unix(0, 0), ticks: make(chan time.Time)}
	var out strings.Builder
	return &Log{w: &out, clock: clock, inline: inline, width: func() int { return 40 }}, clock, &out
}

func TestAStepIsNeverSilentForMoreThanTenSeconds(t *testing.T) {
	log, clock, out := testLog(false)

	err := log.Step(context.Background(), "build", func(_ context.Context, s *Step) error {
		s.Say("compiling")
		clock.pass(25 * time.Second)
		return nil
	})

	require.NoError(t, err)
	require.LessOrEqual(t, clock.every, 10*time.Second)
	text := out.String()
	require.True(t, strings.HasPrefix(text, "start   build\n"), text)
	require.Contains(t, text, "working build since 10s: compiling\n")
	require.Contains(t, text, "working build since 20s: compiling\n")
	require.True(t, strings.HasSuffix(text, "done    build in 25s: compiling\n"), text)
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\r")
}

func TestASkippedStepSaysWhy(t *testing.T) {
	log, _, out := testLog(false)

	err := log.Step(context.Background(), "install", func(_ context.Context, s *Step) error {
		s.Skip("already there: %s", "1.2.3")
		return nil
	})

	require.NoError(t, err)
	require.Equal(t, "start   install\nskipped install: already there: 1.2.3\n", out.String())
}

func TestAFailedStepGivesTheCauseAndTheEndOfTheOutput(t *testing.T) {
	log, _, out := testLog(false)
	cause := errors.New("exit status 2")

	err := log.Step(context.Background(), "build", func(_ context.Context, s *Step) error {
		for line := range 30 {
			_, _ = fmt.Fprintf(s.Writer(), "line %d\n", line)
		}
		_, _ = io.WriteString(s.Writer(), "\x1b[31mthe last word, without an end")
		return cause
	})

	require.ErrorIs(t, err, cause)
	require.True(t, strings.HasPrefix(err.Error(), "build: exit status 2"), err)
	require.Contains(t, err.Error(), "line 29\n")
	require.Contains(t, err.Error(), "the last word")
	require.NotContains(t, err.Error(), "line 9\n")
	require.NotContains(t, err.Error(), "\x1b")
	require.Contains(t, out.String(), "failed  build after 0.0s\n")
}

func TestAnInterruptedStepIsNotCalledFailed(t *testing.T) {
	log, _, out := testLog(false)
	ctx, cancel := context.WithCancel(context.Background())

	err := log.Step(ctx, "build", func(ctx context.Context, _ *Step) error { cancel(); return ctx.Err() })

	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, out.String(), "stopped build")
}

func TestATerminalShowsOneLineThatFitsAndThenTheEnd(t *testing.T) {
	log, clock, out := testLog(true)

	err := log.Step(context.Background(), "build", func(_ context.Context, s *Step) error {
		_, _ = io.WriteString(s.Writer(), strings.Repeat("long ", 50)+"\r\n")
		clock.pass(time.Second)
		return nil
	})

	require.NoError(t, err)
	text := out.String()
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	for _, drawn := range strings.Split(text, "\r\x1b[K") {
		require.Less(t, len([]rune(drawn)), 40)
	}
	require.True(t, strings.HasSuffix(text, "\r\x1b[Kdone    build in 1.0s\n"), text)
}

func TestAFileIsNotATerminalAndGetsNoColour(t *testing.T) {
	log := New(&strings.Builder{})

	require.False(t, log.inline)
	require.False(t, log.colour)
}

func TestOutputWithoutALineEndNeverFillsTheMemory(t *testing.T) {
	log, _, _ := testLog(false)

	_ = log.Step(context.Background(), "build", func(_ context.Context, s *Step) error {
		for range 1000 {
			_, _ = io.WriteString(s.Writer(), strings.Repeat("x", 1000))
		}
		require.LessOrEqual(t, len(s.partial), 8*keepColumn)
		require.LessOrEqual(t, len(s.lines), keepLines)
		return nil
	})
}

// A machine that is ready takes one line, whatever was checked.
func TestASummaryOfStepsWithNothingToDoIsOneLine(t *testing.T) {
	for _, inline := range []bool{false, true} {
		log, _, out := testLog(inline)
		err := log.Summary(context.Background(), "machine ready", func(log *Log) (string, error) {
			for _, title := range []string{"Docker", "Pulumi"} {
				err := log.Step(context.Background(), title, func(_ context.Context, s *Step) error {
					s.Skip("already there")
					return nil
				})
				require.NoError(t, err)
			}
			return "Docker 28", nil
		})
		require.NoError(t, err)
		visible := strings.ReplaceAll(out.String(), "\r\x1b[K", "")
		require.Equal(t, "done    machine ready in 0.0s: Docker 28\n", visible)
	}
}

func TestAStepOfASummaryThatTakesLongOrDoesSomethingIsReported(t *testing.T) {
	log, clock, out := testLog(false)
	err := log.Summary(context.Background(), "machine ready", func(log *Log) (string, error) {
		err := log.Step(context.Background(), "waiting", func(_ context.Context, s *Step) error {
			s.Say("for Docker")
			clock.pass(24 * time.Second)
			s.Skip("already there")
			return nil
		})
		require.NoError(t, err)
		require.NoError(t, log.Step(context.Background(), "installing", func(context.Context, *Step) error { return nil }))
		return "", nil
	})
	require.NoError(t, err)
	require.Equal(t, "working waiting since 2.0s: for Docker\nworking waiting since 12s: for Docker\nworking waiting since 22s: for Docker\n"+
		"done    installing in 0.0s\ndone    machine ready in 24s\n", out.String())
}

func TestAFailedSummaryEndsWithTheFailedStep(t *testing.T) {
	log, _, out := testLog(false)
	failed := errors.New("no")
	err := log.Summary(context.Background(), "machine ready", func(log *Log) (string, error) {
		return "", log.Step(context.Background(), "Docker", func(context.Context, *Step) error { return failed })
	})
	require.ErrorIs(t, err, failed)
	require.Equal(t, "failed  Docker after 0.0s\n", out.String())
}
