//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// fault is one intentional mistake on a running stack.
type fault struct {
	// name is a row of the table: the user's action.
	name string
	// found is the ID of the first finding.
	found string
	// effects are IDs that may follow it, as consequences.
	effects []string
	break_  func(*ward)
	// fix is the expected command of doctor, for a stack called NAME and without the flags that
	// select it.
	fix string
}

// ward is the stack that is broken and fixed.
type ward struct {
	*testing.T
	lab      *lab
	deployed outputs.Stack
	docker   *engine.Engine
}

// judged is doctor's result for one fault.
type judged struct {
	fault
	first, fixed string
	// missed means that the first finding is a different one, alarms are findings that are
	// neither it nor a consequence of it.
	missed bool
	alarms []string
	took   time.Duration
}

// sick is doctor's result, from its JSON.
type sick struct {
	Healthy  bool            `json:"healthy"`
	Findings []check.Finding `json:"findings"`
	NotRun   []struct{ Examination, Reason string }
}

// faultSample is the number of faults that `make e2e` injects.
const faultSample = 2

const (
	foundCode  = 4
	unseenCode = 1
)

// examine runs doctor and compares its exit code with its report.
func (w *ward) examine() sick {
	w.Helper()
	got, err := w.lab.run(w.Context(), "doctor", "--output", "json")
	require.NoError(w, err)
	var diagnosis sick
	require.NoError(w, json.Unmarshal([]byte(got.stdout), &diagnosis), "%s\n%s", got.stderr, got.stdout)
	switch {
	case diagnosis.Healthy:
		require.Zero(w, got.code)
		require.Empty(w, diagnosis.Findings)
		require.Empty(w, diagnosis.NotRun)
	case len(diagnosis.Findings) > 0:
		require.Equal(w, foundCode, got.code)
	default:
		require.Equal(w, unseenCode, got.code)
	}
	w.noSecret(got.stdout + got.stderr)
	return diagnosis
}

// noSecret requires that a text contains none of the stack's passwords.
func (w *ward) noSecret(text string) {
	w.Helper()
	secrets := []string{w.deployed.Keycloak.Provider.Secret, w.deployed.Keycloak.Admin.Password}
	for _, user := range w.deployed.DemoUsers {
		secrets = append(secrets, user.Password)
	}
	for _, name := range w.deployed.Containers() {
		seen, err := w.docker.API().ContainerInspect(w.Context(), name)
		if err != nil {
			continue // it is away, which is what is checked
		}
		for _, pair := range seen.Config.Env {
			if key, value, _ := strings.Cut(pair, "="); strings.Contains(key, "PASSWORD") || strings.Contains(key, "SECRET") {
				secrets = append(secrets, value)
			}
		}
	}
	for _, secret := range secrets {
		require.False(w, len(secret) >= 8 && strings.Contains(text, secret), "doctor reported a secret")
	}
}

// fix runs doctor's command literally. An update skips its own proof: there is one at the end of
// all faults.
func (w *ward) fix(command string) {
	w.Helper()
	command, _, _ = strings.Cut(command, " #")
	if strings.HasPrefix(command, w.lab.tool+" up ") {
		command += " --no-verify"
	}
	run := exec.CommandContext(w.Context(), "sh", "-c", command)
	run.Dir, run.Env = w.lab.root, append(os.Environ(), w.lab.env...)
	said, err := run.CombinedOutput()
	require.NoError(w, err, "%s\n%s", command, said)
}

// waitHealthy waits until doctor has no findings: restarted services take a while.
func (w *ward) waitHealthy() {
	w.Helper()
	var last sick
	for began := time.Now(); time.Since(began) < 100*time.Second; time.Sleep(time.Second) {
		if !w.ready() {
			continue
		}
		if last = w.examine(); last.Healthy {
			return
		}
	}
	require.Fail(w, "not fixed", "%+v", last)
}

// ready reports whether all containers are healthy, which costs less than doctor.
func (w *ward) ready() bool {
	return !slices.ContainsFunc(w.deployed.Containers(), func(name string) bool { return !ready(w.Context(), w.docker, name) })
}

func (w *ward) judge(f fault) judged {
	w.Helper()
	began := time.Now()
	f.break_(w)
	diagnosis := w.examine()
	j := judged{fault: f, missed: true}
	if len(diagnosis.Findings) > 0 {
		j.first, j.fixed = string(diagnosis.Findings[0].ID), diagnosis.Findings[0].Fix
		j.missed = j.first != f.found || diagnosis.Findings[0].FollowsFrom != ""
	}
	for i, finding := range diagnosis.Findings {
		w.Logf("%s: %d. %s [%s] got %s; fix %s; follows %s", f.name, i+1, finding.ID, finding.Component, finding.Got, finding.Fix, finding.FollowsFrom)
		if i > 0 && (finding.FollowsFrom == "" || !slices.Contains(f.effects, string(finding.ID))) {
			j.alarms = append(j.alarms, string(finding.ID))
		}
	}
	for _, unseen := range diagnosis.NotRun {
		w.Logf("%s: not checked: %s: %s", f.name, unseen.Examination, unseen.Reason)
	}
	if j.fixed != "" {
		w.fix(j.fixed)
		w.waitHealthy()
	}
	j.took = time.Since(began)
	return j
}

func TestEveryFaultIsFoundNamedAndFixedByTheCommandThatDoctorNames(t *testing.T) {
	if allTests {
		t.Parallel() // ownLab does it else
	}
	if !allTests {
		// A sample: CI shows that doctor finds and fixes, the nightly run that it does so for each
		// fault.
		l := ownLab(t)
		l.must(t, "up", "--no-verify")
		deployed, err := l.outputs(t.Context())
		require.NoError(t, err)
		w := &ward{T: t, lab: l, deployed: deployed, docker: openEngine(t)}
		w.judgeWhole(faultsInPlace()[:faultSample])
		return
	}
	wards := [][]fault{faultsInPlace(), faultsRecreated()}
	done := make([][]judged, len(wards))
	// Two stacks at once: most of the time is spent waiting for something to start.
	t.Run("dev", func(t *testing.T) {
		for i, all := range wards {
			t.Run(fmt.Sprintf("stack-%d", i+1), func(t *testing.T) {
				l := ownLab(t)
				l.must(t, "up")
				deployed, err := l.outputs(t.Context())
				require.NoError(t, err)
				w := &ward{T: t, lab: l, deployed: deployed, docker: openEngine(t)}
				done[i] = w.judgeWhole(all)
			})
		}
	})
	behind := &ward{T: t, lab: public.up(t), docker: openEngine(t)}
	behind.deployed = public.deployed
	table := append(slices.Concat(done...), behind.judgeWhole(edgeFaults())...)
	require.GreaterOrEqual(t, len(table), 24)
	goldenTable(t, filepath.Join(behind.lab.root, "docs", "how-to", "troubleshooting.md"), "faults", faultTable(table))
}

// judgeWhole is judgeAll on a stack that is verified before and after.
func (w *ward) judgeWhole(all []fault) []judged {
	w.Helper()
	require.True(w, w.examine().Healthy, "a stack that just came up")
	done := w.judgeAll(all)
	require.Regexp(w, allPassed, w.lab.must(w.T, "verify").stdout)
	require.True(w, w.examine().Healthy, "after all of them")
	require.Len(w, done, len(all))
	return done
}

// judgeAll injects one fault after the other, each on an intact stack.
func (w *ward) judgeAll(all []fault) (done []judged) {
	w.Helper()
	for _, f := range all {
		ran := w.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			own := *w
			own.T = t
			j := own.judge(f)
			done = append(done, j)
			t.Logf("%s: %s, %s", f.name, j.first, j.took.Round(time.Second))
			require.False(t, j.missed, "first is %q, want %q", j.first, f.found)
			require.Empty(t, j.alarms, "what is healthy is blamed")
			require.Equal(t, f.fix, w.lab.plain(j.fixed))
		})
		if !ran && !w.recovered() {
			w.Fatal("the stack is no longer whole; the rest is left out")
		}
	}
	return done
}

// plain is a command in the page's format.
func (l *lab) plain(command string) string {
	return strings.NewReplacer(l.tool, "mlflow-sso", " --stack "+l.name+" --file "+l.file, "", l.name, "NAME").Replace(command)
}

// recovered repairs the stack after a failed fault, so that the others are tried.
func (w *ward) recovered() bool {
	got, err := w.lab.run(context.WithoutCancel(w.Context()), "up", "--refresh", "--no-verify")
	return err == nil && got.code == 0 && w.examine().Healthy
}

// faultTable is the page's table, without figures that change between runs.
func faultTable(done []judged) string {
	var b strings.Builder
	caught, missed, alarms := 0, 0, 0
	b.WriteString("| fault | first finding | fix |\n|---|---|---|\n")
	for _, j := range done {
		alarms += len(j.alarms)
		if j.missed {
			missed++
		} else {
			caught++
		}
		fmt.Fprintf(&b, "| %s | `%s` | `%s` |\n", j.name, j.first, j.fix)
	}
	fmt.Fprintf(&b, "\n%d faults: %d caught, %d missed, %d false alarms.\n", len(done), caught, missed, alarms)
	return b.String()
}

// goldenTable requires the table of that name in the page, or with -update writes it there and
// fails.
func goldenTable(t *testing.T, page, name, table string) {
	t.Helper()
	tableBegins := "<!-- " + name + ": written by the test, see CONTRIBUTING.md -->\n"
	tableEnds := "<!-- end of " + name + " -->\n"
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, begins := strings.Cut(string(raw), tableBegins)
	was, after, ends := strings.Cut(rest, tableEnds)
	require.True(t, begins && ends, "%s has no place for the table", page)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+tableBegins+table+tableEnds+after), 0o600))
		t.Fatal("written; read the difference, and run again without -update")
	}
	require.Equal(t, table, was, "run with -update, and read the difference")
}
