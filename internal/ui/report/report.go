// Package report formats check results and planned changes: as a table for people, as
// JSON, SARIF or Markdown for machines.
//
// A report never decides by itself what is worth reporting: whatever a check
// leaves in its fields is shown to everybody who can read the terminal or the
// log, so a check must not put a secret there.
package report

import "time"

// Status is the outcome of a check.
type Status string

// The outcomes. NotRun is no success: a check that could not run has proved
// nothing.
const (
	Passed Status = "passed"
	Failed Status = "failed"
	NotRun Status = "not run"
)

// Check is one named thing that was checked.
type Check struct {
	// Name is short, stable and the same in every run: machines match on it.
	Name   string
	Status Status
	// Took is how long the check ran; zero when it did not run.
	Took time.Duration
	// Detail says what was seen to hold, in one line.
	Detail string
	// Got and Wanted say where a failed check's observation and expectation
	// part; Reason says why it could not be made or did not run.
	Got, Wanted, Reason string
	// Next is what a person does about it.
	Next string
}

// Report is the outcome of a command that checks.
type Report struct {
	// Title says what was checked, such as the deployment and its address.
	Title  string
	Began  time.Time
	Took   time.Duration
	Checks []Check
}

// OK reports whether there was at least one check and every one passed.
func (r Report) OK() bool {
	return len(r.Checks) > 0 && r.count(Passed) == len(r.Checks)
}

func (r Report) count(s Status) int {
	n := 0
	for _, c := range r.Checks {
		if c.Status == s {
			n++
		}
	}
	return n
}
