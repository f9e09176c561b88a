// Package check is the framework in which verify, doctor, drift and security-test run their
// checks: it defines checks, suites and results.
//
// A check passes, fails, or does not run. A check that did not run has proved nothing and never
// counts as passed. Each suite is a package, and none imports another: what two of them need is
// in package scenario.
//
// Results end up in terminals and logs, so a check must not put a secret into one.
package check

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// ID identifies a check or a finding. It is short, stable, and the same in every run: programs
// match on it.
type ID string

// Check is one named check of a suite.
type Check struct {
	ID ID
	// About says what the check proves, in one sentence of the documentation.
	About string
	// Needs are earlier checks that must have passed.
	Needs []ID
	// Blocked returns why the check cannot run, or an empty text. It is for reasons that only a
	// run discovers, such as a stopped container. Nil means that nothing blocks it.
	Blocked func() string
	// Next is what an operator does if the check fails. The suite's Places are replaced.
	Next string
	// Always is set for a check that runs after any result, such as a cleanup.
	Always bool
	// Concurrent lets the check run in parallel with its concurrent neighbours.
	Concurrent bool
	// Timeout is the check's own limit; zero means the suite's.
	Timeout time.Duration
	// Run performs the check. Errors from [Mismatch] and [NotRun] have a special meaning.
	Run func(context.Context) (Outcome, error)
}

// Outcome is what a check observed.
type Outcome struct {
	// Detail describes the successful observation, in one line.
	Detail string
	// Findings are problems, for a check that can find more than one. A check with findings
	// fails.
	Findings []Finding
}

// Proves returns the Run of a check that proves one thing and describes its observation.
func Proves(run func(context.Context) (string, error)) func(context.Context) (Outcome, error) {
	return func(ctx context.Context) (Outcome, error) {
		detail, err := run(ctx)
		return Outcome{Detail: detail}, err
	}
}

// Finds returns the Run of a check that looks for any number of problems. An error means that the
// check is incomplete; its findings still count.
func Finds(run func(context.Context) ([]Finding, error)) func(context.Context) (Outcome, error) {
	return func(ctx context.Context) (Outcome, error) {
		found, err := run(ctx)
		if err != nil {
			err = unfinishedError{err}
		}
		return Outcome{Findings: found}, err
	}
}

// unfinishedError is an error that is not a finding.
type unfinishedError struct{ err error }

func (e unfinishedError) Error() string   { return e.err.Error() }
func (e unfinishedError) Unwrap() []error { return []error{e.err, ErrNotRun} }

// Docs is the documentation page with a heading for each check and finding.
const Docs = "docs/reference/checks.md"

// Suite is a list of checks that run in order.
type Suite struct {
	// Name is the name of the command that runs the suite.
	Name string
	// Title says what is checked, such as the deployment and its address.
	Title  string
	Checks []Check
	// Timeout limits each check without a timeout of its own.
	Timeout time.Duration
	// Places maps placeholders in next steps, such as {mlflow}, to container names.
	Places *strings.Replacer
	// Order sorts the findings of all checks; nil keeps the order of the checks.
	Order func([]Finding) []Finding
}

// IDs returns the IDs of all checks in their order.
func (s Suite) IDs() []ID {
	all := make([]ID, len(s.Checks))
	for i, c := range s.Checks {
		all[i] = c.ID
	}
	return all
}

// Heading returns the text of the heading in [Docs] for a check or a finding.
func (s Suite) Heading(id ID) string { return fmt.Sprintf("%s: `%s`", s.Name, id) }

// Link returns the link to the documentation of a check or a finding: the anchor of its heading.
func (s Suite) Link(id ID) string { return fmt.Sprintf("%s#%s-%s", Docs, s.Name, id) }

// Validate reports all mistakes of a suite: duplicate IDs, and needs that an earlier check does
// not meet, which would block a check permanently.
func (s Suite) Validate() (mistakes []string) {
	began, ended := map[ID]bool{}, map[ID]bool{}
	for i, c := range s.Checks {
		if !c.Concurrent || i == 0 || !s.Checks[i-1].Concurrent {
			for id := range began {
				ended[id] = true
			}
		}
		switch {
		case c.ID == "":
			mistakes = append(mistakes, fmt.Sprintf("check %d has no ID", i+1))
		case began[c.ID]:
			mistakes = append(mistakes, fmt.Sprintf("%s is there twice", c.ID))
		case c.Run == nil:
			mistakes = append(mistakes, fmt.Sprintf("%s has no Run", c.ID))
		}
		for _, need := range c.Needs {
			if !ended[need] {
				mistakes = append(mistakes, fmt.Sprintf("%s needs %s, which has not ended when it begins", c.ID, need))
			}
		}
		began[c.ID] = true
	}
	return mistakes
}
