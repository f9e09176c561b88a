package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Status is the outcome of a check.
type Status string

// The outcomes. StatusNotRun is not a success: a check that could not run has proved nothing.
const (
	StatusPassed Status = "passed"
	StatusFailed Status = "failed"
	StatusNotRun Status = "not run"
)

// Result is the result of one check.
type Result struct {
	ID     ID
	Status Status
	// Took is the check's duration; zero if it did not run.
	Took time.Duration
	// Detail describes the successful observation, in one line.
	Detail string
	// Got and Wanted are the observation and the expectation of a failed check; Reason is why it
	// failed without them, or did not run.
	Got, Wanted, Reason string
	// Next is what an operator does about it.
	Next string
	// Findings are the problems found, if the check can find more than one.
	Findings []Finding
	// Docs is the heading that describes the check.
	Docs string
}

// lackingPrefix begins the reason of a check that did not run because of others.
const lackingPrefix = "needs "

// Follows reports whether the check did not run because another one did not pass.
func (r Result) Follows() bool {
	return r.Status == StatusNotRun && strings.HasPrefix(r.Reason, lackingPrefix)
}

// Text summarizes a result, such as "groups-claim failed: got none, wanted mlflow-users; next:
// docker logs --tail 50 dev-mlflow".
func (r Result) Text() string {
	text := fmt.Sprintf("%s %s", r.ID, r.Status)
	var why []string
	if r.Reason != "" {
		why = append(why, r.Reason)
	}
	if r.Got != "" || r.Wanted != "" {
		why = append(why, "got "+r.Got+", wanted "+r.Wanted)
	}
	if r.Detail != "" && len(why) == 0 {
		why = append(why, r.Detail)
	}
	if len(why) > 0 {
		text += ": " + strings.Join(why, ": ")
	}
	if r.Next != "" {
		text += "; next: " + r.Next
	}
	return text
}

// Finding is one problem, from a check that can find several.
type Finding struct {
	ID ID `json:"id"`
	// Component is the affected part of the stack.
	Component Component `json:"component"`
	// Summary describes the problem, in one line.
	Summary string `json:"summary"`
	// Got and Wanted are the evidence; Log is a matching line of the container's log, if any.
	Got    string `json:"got"`
	Wanted string `json:"wanted"`
	Log    string `json:"log,omitempty"`
	// Effect says what users notice, where that is known.
	Effect string `json:"effect,omitempty"`
	// Cause is the setting or resource that causes it.
	Cause string `json:"cause"`
	// Next is what an operator does about it, if the summary and the command do not say so.
	Next string `json:"next,omitempty"`
	// Fix is one command for a shell.
	Fix string `json:"fix"`
	// FollowsFrom is the ID of the finding that causes this one; empty for a cause.
	FollowsFrom ID `json:"followsFrom,omitempty"`
	// Docs is the heading that describes the finding.
	Docs string `json:"docs,omitempty"`
}

// Unmanaged says in a summary that an object exists which no part of the stack created.
const Unmanaged = "not created by the stack"

// UpCommand as the Fix of a finding means an update of the stack, before the command with the
// stack's flags is known.
const UpCommand = "{up}"

// Component is a part of a stack.
type Component string

// Report is the outcome of a suite.
type Report struct {
	// Title says what was checked, such as the deployment and its address.
	Title  string
	Began  time.Time
	Took   time.Duration
	Checks []Result
	// Findings are the findings of all checks, in the suite's order.
	Findings []Finding
}

// OK reports whether there was at least one check and every one passed.
func (r Report) OK() bool {
	return len(r.Checks) > 0 && r.Count(StatusPassed) == len(r.Checks)
}

// Count returns the number of checks with a status.
func (r Report) Count(s Status) int { return len(r.With(s)) }

// With returns the results with a status.
func (r Report) With(s Status) (all []Result) {
	for _, c := range r.Checks {
		if c.Status == s {
			all = append(all, c)
		}
	}
	return all
}

// ErrNotRun is wrapped by the error of a check that cannot prove anything.
var ErrNotRun = errors.New("could not run")

// NotRun returns the error of a check whose control failed: it has shown nothing, so it counts as
// not run. nil stays nil.
func NotRun(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w, its control failed: %s", ErrNotRun, err.Error())
}

// MismatchError is an observation that differs from what the check expects.
type MismatchError struct{ Got, Wanted, Next string }

func (m *MismatchError) Error() string { return "got " + m.Got + ", wanted " + m.Wanted }

// Mismatch returns the error of a check whose observation differs from the expectation. Neither
// text may contain a secret.
func Mismatch(got, wanted string) error { return &MismatchError{Got: got, Wanted: wanted} }

// MismatchNext is Mismatch with a next step that is more specific than the check's own.
func MismatchNext(got, wanted, next string) error {
	return &MismatchError{Got: got, Wanted: wanted, Next: next}
}
