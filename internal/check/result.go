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

// The outcomes. StatusNotRun is no success: a check that could not run has proved nothing.
const (
	StatusPassed Status = "passed"
	StatusFailed Status = "failed"
	StatusNotRun Status = "not run"
)

// Result is what came of one check.
type Result struct {
	ID     ID
	Status Status
	// Took is how long the check ran; zero when it did not run.
	Took time.Duration
	// Detail says what was seen to hold, in one line.
	Detail string
	// Got and Wanted are the observation and the expectation of a check that failed;
	// Reason says why it failed without them, or did not run.
	Got, Wanted, Reason string
	// Next is what an operator does about it.
	Next string
	// Findings are what the check found wrong, if it can find more than one thing.
	Findings []Finding
	// Docs is the heading that describes the check.
	Docs string
}

// Text says in a few words what came of the check, such as "groups-claim failed: got none, wanted
// mlflow-users; next: docker logs --tail 50 dev-mlflow".
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

// Finding is something that is wrong, found by a check that looks for many things.
type Finding struct {
	ID ID `json:"id"`
	// Component is the part of the stack that is affected.
	Component Component `json:"component"`
	// Summary says what is wrong, in one line.
	Summary string `json:"summary"`
	// Got and Wanted are the evidence; Log is a line of the container's log, if one fits.
	Got    string `json:"got"`
	Wanted string `json:"wanted"`
	Log    string `json:"log,omitempty"`
	// Cause is the setting or the resource behind it.
	Cause string `json:"cause"`
	// Next is what an operator does about it, where the summary and the command do not say it.
	Next string `json:"next,omitempty"`
	// Fix is one command for a shell.
	Fix string `json:"fix"`
	// FollowsFrom is the ID of the finding that this one is an effect of; empty for a cause.
	FollowsFrom ID `json:"followsFrom,omitempty"`
	// Docs is the heading that describes the finding.
	Docs string `json:"docs,omitempty"`
}

// Unmanaged says in a summary that something exists and no part of the stack made it.
const Unmanaged = "not made by the stack"

// UpCommand as the Fix of a finding stands for an update of the stack, where the command that
// chooses the stack is not known.
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
	// Findings are those of all checks, in the suite's order.
	Findings []Finding
}

// OK reports whether there was at least one check and every one passed.
func (r Report) OK() bool {
	return len(r.Checks) > 0 && r.Count(StatusPassed) == len(r.Checks)
}

// Count is how many checks have a status.
func (r Report) Count(s Status) int { return len(r.With(s)) }

// With returns the results that have a status.
func (r Report) With(s Status) (all []Result) {
	for _, c := range r.Checks {
		if c.Status == s {
			all = append(all, c)
		}
	}
	return all
}

// ErrNotRun is wrapped by the error of a check that finds out by itself that it cannot
// prove anything.
var ErrNotRun = errors.New("could not run")

// NotRun is the error of a check whose control failed: it has shown nothing, so it
// counts as not run. nil stays nil.
func NotRun(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w, its control failed: %s", ErrNotRun, err.Error())
}

// MismatchError is an observation that differs from what the check expects.
type MismatchError struct{ Got, Wanted, Next string }

func (m *MismatchError) Error() string { return "got " + m.Got + ", wanted " + m.Wanted }

// Mismatch is the error of a check that saw something else than it expects. Neither
// text may contain a secret.
func Mismatch(got, wanted string) error { return &MismatchError{Got: got, Wanted: wanted} }

// MismatchNext is Mismatch with a next step that is more specific than the check's own.
func MismatchNext(got, wanted, next string) error {
	return &MismatchError{Got: got, Wanted: wanted, Next: next}
}
