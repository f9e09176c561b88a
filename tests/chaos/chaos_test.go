//go:build chaos

package chaos

import (
	"context"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/availability"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/runlog"
)

var (
	update       = flag.Bool("update", false, "write the tables of docs/reference/reliability.md, then fail")
	keycloakAway = flag.Duration("keycloak-away", 10*time.Minute, "how long Keycloak is stopped")
	redisAway    = flag.Duration("redis-away", time.Minute, "how long Redis is stopped")
)

// daemonVariable allows the test to kill the daemon, which affects every container of this
// machine.
const daemonVariable = "CHAOS_DAEMON"

const (
	// healing is the time limit for a recovery.
	healing = 5 * time.Minute
	// inARow is the number of successful responses per user that counts as recovered.
	inARow = 3
	// settling is the pause before the next fault.
	settling = 3 * time.Second
)

// fault is an injected fault.
type fault struct {
	// name is a row of the table.
	name string
	// ends describes how it recovers, in the table's words.
	ends string
	// unharmed are the kinds of users who must not see a single error.
	unharmed []string
	// again are the components whose containers Docker must restart, and no others; "?" after one
	// means that it may; anyOf means that each may.
	again []string
	// prepare runs before the clock starts, and clear after it; both may be nil.
	prepare, clear func(*ward)
	// happen injects the fault, and ends it unless something else does.
	happen func(*ward)
}

// ward is the stack under test.
type ward struct {
	*testing.T
	lab      *lab
	deployed outputs.Stack
	docker   *engine.Engine
	users    *users
}

// suffered is the result of one fault.
type suffered struct {
	fault
	well     time.Duration
	accounts map[string]availability.Account
	lost     int
	half     int
	worked   int
	refused  int
}

func TestNothingThatWasAcknowledgedIsLostWhateverBreaks(t *testing.T) {
	l := newLab(t)
	l.must(t, "up")
	docker, err := engine.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = docker.Close() })
	w := &ward{T: t, lab: l, deployed: l.outputs(t), docker: docker}
	w.users = startUsers(t, w)
	w.waitWell(time.Now())

	var table []suffered
	all := faults()
	for _, f := range all {
		healed := true
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			own := *w
			own.T = t
			if f.name == daemonFault && os.Getenv(daemonVariable) == "" {
				t.Skipf("every container on this machine would feel it: set %s=1", daemonVariable)
			}
			healed = false
			s := own.suffer(f)
			healed = true
			table = append(table, s)
			own.judge(s)
			if *update {
				write(t, l.root, table)
			}
		})
		if !healed {
			t.Fatal("the stack may no longer be whole; the rest is left out")
		}
	}
	w.users.stop()
	l.must(t, "verify")
	t.Logf("%d of %d faults were made", len(table), len(all))
	if *update {
		t.Fatal("written; read the difference, and run again without -update")
	}
	compare(t, l.root, table)
}

// suffer injects the fault and waits for the recovery.
func (w *ward) suffer(f fault) suffered {
	w.Helper()
	if f.prepare != nil {
		f.prepare(w)
		w.waitWell(time.Now())
	}
	if f.clear != nil {
		defer f.clear(w)
	}
	before, known := w.starts(), len(w.users.written())
	began := time.Now()
	f.happen(w)
	well := w.waitWell(time.Now()).Sub(began)
	time.Sleep(settling)

	s := suffered{fault: f, accounts: map[string]availability.Account{}}
	for _, kind := range kinds {
		s.accounts[kind] = w.users.diaries[kind].Since(began)
		s.well = max(s.well, s.accounts[kind].Until)
	}
	w.Logf("%s: all well after %s, containers after %s", f.name, s.well.Round(100*time.Millisecond), well.Round(100*time.Millisecond))
	if !slices.Equal(f.again, anyOf) {
		require.Equal(w, f.again, w.startedAgain(before, f.again), "containers that Docker has started again")
	}

	book := w.users.written()
	found, err := runlog.Look(w.Context(), w.docker, w.deployed, w.users.experiment)
	require.NoError(w, err)
	for i, run := range book {
		if run.Lost(found) {
			s.lost++
			w.Logf("lost: run %s after %d answers: %s", run.Name, run.Done, found[run.Name])
		}
		if i < known {
			continue
		}
		if f := found[run.Name]; f.PartlyLogged() || run.Whole() && f.Half() {
			s.half++
			w.Logf("half there: run %s after %d answers: %s", run.Name, run.Done, f)
		}
		if run.Refused() {
			s.refused++
		}
		if run.Worked(found) {
			s.worked++
		}
	}
	return s
}

// judge requires what applies to every fault, and what the table says about this one.
func (w *ward) judge(s suffered) {
	w.Helper()
	for _, kind := range kinds {
		a := s.accounts[kind]
		w.Logf("%s: away %s, slowest answer %s, %d proper, %d failed: %v", kind,
			a.Away.Round(100*time.Millisecond), a.Slowest.Round(100*time.Millisecond), a.Proper, a.Failed, a.Kinds)
	}
	w.Logf("%d writes were answered with an error, %d of them had worked", s.refused, s.worked)
	require.Positive(w, s.accounts[scripts].Proper+s.accounts[scripts].Failed, "no user used the stack: this tests nothing")
	require.Zero(w, s.lost, "acknowledged writes that are not there")
	require.Zero(w, s.half, "runs that were acknowledged and lack something, or have a part of one request, acknowledged or not")
	for _, kind := range kinds {
		for seen := range s.accounts[kind].Kinds {
			require.NotRegexp(w, `^(\w+: )?40[13] `, seen, "%s: a user who may log in was refused", kind)
		}
	}
	for _, kind := range s.unharmed {
		require.Zero(w, s.accounts[kind].Failed, "%s: %v", kind, s.accounts[kind].Kinds)
	}
}

// waitWell waits until every container is healthy and every user gets successful responses to
// requests sent after a time.
func (w *ward) waitWell(after time.Time) time.Time {
	w.Helper()
	var sick []string
	for time.Since(after) < healing {
		sick = nil
		for _, name := range w.deployed.Containers() {
			if state, err := w.docker.State(w.Context(), name); err != nil || !state.Ready() {
				sick = append(sick, name)
			}
		}
		for _, kind := range kinds {
			if !w.users.diaries[kind].Well(w.users.many[kind], after, inARow) {
				sick = append(sick, kind)
			}
		}
		if len(sick) == 0 {
			return time.Now()
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, kind := range kinds {
		w.Logf("%s: %v", kind, w.users.diaries[kind].Since(after).Kinds)
	}
	require.FailNow(w, "not healed", "after %s: %v", healing, sick)
	return time.Time{}
}

// container is the name of a component's container.
func (w *ward) container(component string) string { return w.lab.name + "-" + component }

// starts is the number of Docker's restarts of each container, by component.
func (w *ward) starts() map[string]int {
	w.Helper()
	all := map[string]int{}
	for _, name := range w.deployed.Containers() {
		seen, err := w.docker.API().ContainerInspect(context.WithoutCancel(w.Context()), name)
		require.NoError(w, err)
		all[strings.TrimPrefix(name, w.lab.name+"-")] = seen.RestartCount
	}
	return all
}

// startedAgain are the components that have restarted since, including optional ones in the
// expectation's form.
func (w *ward) startedAgain(before map[string]int, expected []string) []string {
	w.Helper()
	var again []string
	now := w.starts()
	for _, component := range slices.Sorted(maps.Keys(now)) {
		optional := slices.Contains(expected, component+"?")
		switch {
		case optional:
			again = append(again, component+"?")
		case now[component] > before[component]:
			again = append(again, component)
		}
	}
	return again
}
