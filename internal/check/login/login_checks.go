// Package login proves on a running stack that the right users can log in and the wrong
// ones cannot.
//
// Every check looks at one thing from outside, as a browser, an API client or a
// container on the network sees it, and believes no setting. A check that
// expects a refusal also sees the same request succeed when it is made properly,
// so that a server that refuses everything proves nothing. A check that could
// not run is reported as such and is no success.
//
// A run leaves nothing behind: sessions are ended, and where the stack has no
// demo users the people it makes for itself are deleted again, also after a
// failure or an interrupt. No secret reaches a report.
package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

const (
	// checkTimeout bounds one check. A login takes seconds on a busy machine.
	checkTimeout = 90 * time.Second
	// cleanupTimeout bounds the last check, which runs after an interrupt too.
	cleanupTimeout = 2 * time.Minute
)

// check is one named thing to prove.
type check struct {
	name string
	// needs are the checks whose success this one builds on.
	needs []string
	// next is what a person does when it fails; {mlflow} and its like stand for
	// containers.
	next string
	// always is set for what has to run whatever happened before.
	always bool
	// within is a bound of its own; zero for that of all checks.
	within time.Duration
	// run returns what was seen to hold, in one line.
	run func(context.Context) (string, error)
}

// Names are the names of all checks of a stack in the order in which they run.
func Names(stack outputs.Stack) []string {
	var names []string
	for _, c := range newProof(stack, nil).checks() {
		names = append(names, c.name)
	}
	return names
}

// Title says what a run of the checks is about.
func Title(stack outputs.Stack) string {
	return fmt.Sprintf("%s: login at %s through %s", stack.Deployment, stack.MLflow.URL, stack.Keycloak.URL)
}

// Run makes every check of Names once, in that order, and tells observe about
// each as it ends. When ctx ends, the checks that are left are not run, except
// for the last one, which cleans up. A nil observe is allowed.
func Run(ctx context.Context, stack outputs.Stack, docker *engine.Engine, observe func(report.Check)) report.Report {
	p := newProof(stack, docker)
	defer p.close()
	return runAll(ctx, Title(stack), p.checks(), p.containers(), observe)
}

// runAll makes the checks; places names the containers in their next steps.
func runAll(ctx context.Context, title string, checks []check, places *strings.Replacer, observe func(report.Check)) report.Report {
	out := report.Report{Title: title, Began: time.Now()}
	passed := map[string]bool{}
	for _, c := range checks {
		done := runOne(ctx, c, passed, places)
		passed[c.name] = done.Status == report.Passed
		out.Checks = append(out.Checks, done)
		if observe != nil {
			observe(done)
		}
	}
	out.Took = time.Since(out.Began)
	return out
}

func runOne(ctx context.Context, c check, passed map[string]bool, places *strings.Replacer) report.Check {
	done := report.Check{Name: c.name, Status: report.NotRun}
	var lacking []string
	for _, need := range c.needs {
		if !passed[need] {
			lacking = append(lacking, need)
		}
	}
	switch {
	case ctx.Err() != nil && !c.always:
		done.Reason = "interrupted before it began"
		return done
	case len(lacking) > 0:
		done.Reason = "needs " + strings.Join(lacking, " and ") + ", which did not pass"
		return done
	}
	limit := cmp.Or(c.within, checkTimeout)
	if c.always {
		ctx, limit = context.WithoutCancel(ctx), cleanupTimeout
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	detail, err := c.run(within)
	done.Took = time.Since(began)
	if err == nil {
		done.Status, done.Detail = report.Passed, detail
		return done
	}
	done.Status, done.Next = report.Failed, places.Replace(c.next)
	var m *mismatch
	switch {
	case errors.As(err, &m):
		done.Got, done.Wanted = m.got, m.wanted
		// What is in front of the two sides says which step it was.
		if step, more := strings.CutSuffix(err.Error(), m.Error()); step != "" || !more {
			done.Reason = strings.TrimSuffix(step, ": ")
		}
		if m.next != "" {
			done.Next = places.Replace(m.next)
		}
	case errors.Is(err, errNotRun):
		done.Status, done.Reason = report.NotRun, err.Error()
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		done.Status, done.Reason, done.Next = report.NotRun, "interrupted", ""
	case errors.Is(err, context.DeadlineExceeded) && within.Err() != nil:
		done.Reason = fmt.Sprintf("not done within %s: %v", limit, err)
	default:
		done.Reason = err.Error()
	}
	return done
}

// errNotRun is wrapped by a check that finds out by itself that it has no
// ground to stand on.
var errNotRun = errors.New("could not run")

// mismatch is a check's observation that differs from what it expects.
type mismatch struct{ got, wanted, next string }

func (m *mismatch) Error() string { return "got " + m.got + ", wanted " + m.wanted }

// differs makes a mismatch. Neither text may hold a secret.
func differs(got, wanted string) error { return &mismatch{got: got, wanted: wanted} }

// differsNext is differs with a next step that knows more than the check's own.
func differsNext(got, wanted, next string) error {
	return &mismatch{got: got, wanted: wanted, next: next}
}
