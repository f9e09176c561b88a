package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func holds(context.Context) (Outcome, error) { return Outcome{Detail: "seen"}, nil }

func fails(context.Context) (Outcome, error) { return Outcome{}, errors.New("the server is gone") }

func failsWith(err error) func(context.Context) (Outcome, error) {
	return func(context.Context) (Outcome, error) { return Outcome{}, err }
}

func suiteOf(checks ...Check) Suite {
	return Suite{Name: "verify", Title: "t", Checks: checks, Timeout: time.Minute, Places: strings.NewReplacer("{mlflow}", "dev-mlflow")}
}

func statuses(r Report) map[ID]Status {
	out := map[ID]Status{}
	for _, c := range r.Checks {
		out[c.ID] = c.Status
	}
	return out
}

func TestACheckIsNotRunWhenWhatItNeedsDidNotPass(t *testing.T) {
	var observed []ID
	got := suiteOf(
		Check{ID: "a", Run: fails, Next: "docker logs {mlflow}"},
		Check{ID: "b", Run: holds, Needs: []ID{"a"}},
		Check{ID: "c", Run: holds, Needs: []ID{"b"}},
		Check{ID: "d", Run: holds},
	).Run(t.Context(), Observer{Ended: func(c Result) { observed = append(observed, c.ID) }})

	require.False(t, got.OK())
	require.Equal(t, map[ID]Status{"a": StatusFailed, "b": StatusNotRun, "c": StatusNotRun, "d": StatusPassed}, statuses(got))
	require.Equal(t, "docker logs dev-mlflow", got.Checks[0].Next)
	require.Equal(t, "needs a, which did not pass", got.Checks[1].Reason)
	require.Equal(t, []ID{"a", "b", "c", "d"}, observed)
}

func TestAnInterruptStopsEverythingButTheCleanup(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	cleaned := false
	got := suiteOf(
		Check{ID: "first", Run: func(ctx context.Context) (Outcome, error) {
			interrupt()
			return Outcome{}, ctx.Err()
		}},
		Check{ID: "second", Run: holds},
		Check{ID: "cleanup", Always: true, Run: func(ctx context.Context) (Outcome, error) {
			cleaned = true
			return Outcome{}, ctx.Err()
		}},
	).Run(ctx, Observer{})

	require.True(t, cleaned)
	require.Equal(t, map[ID]Status{"first": StatusNotRun, "second": StatusNotRun, "cleanup": StatusPassed}, statuses(got))
}

func TestAMismatchShowsBothSidesEvenWhenWrapped(t *testing.T) {
	got := suiteOf(
		Check{ID: "a", Next: "look", Run: failsWith(fmt.Errorf("control: %w", Mismatch("200", "401")))},
		Check{ID: "b", Next: "look", Run: failsWith(MismatchNext("200", "401", "docker restart {mlflow}"))},
	).Run(t.Context(), Observer{})

	require.Equal(t, Result{ID: "a", Status: StatusFailed, Got: "200", Wanted: "401", Reason: "control", Next: "look", Took: got.Checks[0].Took, Docs: Docs + "#verify-a"}, got.Checks[0])
	require.Equal(t, "docker restart dev-mlflow", got.Checks[1].Next)
}

func TestACheckWhoseControlFailedIsNoFailure(t *testing.T) {
	got := suiteOf(
		Check{ID: "a", Run: failsWith(fmt.Errorf("%w: no user to log in", ErrNotRun))},
		Check{ID: "b", Run: failsWith(NotRun(Mismatch("500", "200")))},
	).Run(t.Context(), Observer{})

	require.Equal(t, map[ID]Status{"a": StatusNotRun, "b": StatusNotRun}, statuses(got))
	require.False(t, got.OK())
	require.NoError(t, NotRun(nil))
}

func TestACheckEndsAtItsLimit(t *testing.T) {
	hangs := func(ctx context.Context) (Outcome, error) {
		<-ctx.Done()
		return Outcome{}, ctx.Err()
	}
	got := suiteOf(Check{ID: "a", Run: hangs, Timeout: time.Millisecond}, Check{ID: "b", Run: holds}).Run(t.Context(), Observer{})

	require.Equal(t, map[ID]Status{"a": StatusFailed, "b": StatusPassed}, statuses(got))
	require.Contains(t, got.Checks[0].Reason, "not done within 1ms")
}

func TestConcurrentNeighboursRunTogetherAndKeepTheirOrder(t *testing.T) {
	var first atomic.Bool
	meet := make(chan struct{})
	one := func(context.Context) ([]Finding, error) {
		<-meet // closed by the neighbour only
		return []Finding{{ID: "x"}}, nil
	}
	other := func(context.Context) ([]Finding, error) {
		close(meet)
		return []Finding{{ID: "y"}}, nil
	}
	blocked := func() string {
		if first.Load() {
			return ""
		}
		return "the first check has not ended"
	}
	got := suiteOf(
		Check{ID: "first", Run: func(context.Context) (Outcome, error) {
			first.Store(true)
			return Outcome{}, nil
		}},
		Check{ID: "one", Concurrent: true, Run: Finds(one), Blocked: blocked},
		Check{ID: "other", Concurrent: true, Run: Finds(other), Blocked: blocked},
		Check{ID: "last", Run: holds, Needs: []ID{"first"}},
	).Run(t.Context(), Observer{})

	require.Equal(t, []Finding{{ID: "x", Docs: Docs + "#verify-x"}, {ID: "y", Docs: Docs + "#verify-y"}}, got.Findings)
	require.Equal(t, map[ID]Status{"first": StatusPassed, "one": StatusFailed, "other": StatusFailed, "last": StatusPassed}, statuses(got))
}

func TestWhatBlocksACheckIsItsReason(t *testing.T) {
	got := suiteOf(Check{ID: "a", Run: fails, Blocked: func() string { return "redis is exited" }}).Run(t.Context(), Observer{})

	require.Equal(t, Result{ID: "a", Status: StatusNotRun, Reason: "redis is exited", Docs: Docs + "#verify-a"}, got.Checks[0])
}

func TestOnlyAReportWithNothingButPassedChecksIsOK(t *testing.T) {
	require.False(t, Report{}.OK(), "nothing was checked")
	require.True(t, Report{Checks: []Result{{Status: StatusPassed}}}.OK())
	require.False(t, Report{Checks: []Result{{Status: StatusPassed}, {Status: StatusFailed}}}.OK())
	require.False(t, Report{Checks: []Result{{Status: StatusPassed}, {Status: StatusNotRun}}}.OK())
	require.False(t, Report{Checks: []Result{{}}}.OK(), "a check without an outcome")
}

func TestOnlyASlowCheckIsReported(t *testing.T) {
	began := time.Now()
	var slow []string
	r := &run{running: map[ID]time.Time{}, observer: Observer{Slow: func(id ID, ran time.Duration) {
		slow = append(slow, fmt.Sprintf("%s %s", id, ran))
	}}}
	r.reportSlow(began)
	r.running["containers"], r.running["login"] = began, began.Add(time.Second)
	r.reportSlow(began.Add(time.Second))
	require.Empty(t, slow)
	r.reportSlow(began.Add(20 * time.Second))
	require.Equal(t, []string{"containers 20s"}, slow)
}

func TestASuiteWhoseChecksCannotRunIsInvalid(t *testing.T) {
	require.Empty(t, suiteOf(Check{ID: "a", Run: holds}, Check{ID: "b", Run: holds, Needs: []ID{"a"}}).Validate())
	require.Equal(t, []string{
		"a needs b, which has not ended when it begins", "b is there twice", "check 4 has no ID", "c has no Run",
		"e needs d, which has not ended when it begins",
	}, suiteOf(
		Check{ID: "a", Run: holds, Needs: []ID{"b"}}, Check{ID: "b", Run: holds}, Check{ID: "b", Run: holds}, Check{Run: holds}, Check{ID: "c"},
		Check{ID: "d", Run: holds, Concurrent: true}, Check{ID: "e", Run: holds, Concurrent: true, Needs: []ID{"d"}},
	).Validate())
}

func TestOnlyACheckThatLacksOthersFollowsFromThem(t *testing.T) {
	passes := func(context.Context) (Outcome, error) { return Outcome{}, nil }
	suite := Suite{Timeout: time.Second, Checks: []Check{
		{ID: "first", Run: func(context.Context) (Outcome, error) { return Outcome{}, MismatchNext("a", "b", "do c") }},
		{ID: "second", Run: passes, Needs: []ID{"first"}},
		{ID: "third", Run: passes, Blocked: func() string { return "it is down" }},
	}}
	var follow []ID
	done := suite.Run(t.Context(), Observer{})
	for _, c := range done.Checks {
		if c.Follows() {
			follow = append(follow, c.ID)
		}
	}
	require.Equal(t, []ID{"second"}, follow)
	require.Equal(t, "first failed: got a, wanted b; next: do c", done.Checks[0].Text())
	require.Equal(t, "third not run: it is down", done.Checks[2].Text())
}
