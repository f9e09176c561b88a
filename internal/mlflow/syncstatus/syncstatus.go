// Package syncstatus reads the results of identity sync's jobs.
//
// Identity sync records them in the plugin's database, so they survive a restart and say
// what was really done.
package syncstatus

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Identity sync's jobs.
const (
	Follow     = "follow"
	SignOut    = "sign-out"
	Prune      = "prune"
	BreakGlass = "break-glass"
)

// slack is what a job may be late by itself: a slow machine, an update that makes
// containers again, a Keycloak that starts.
const slack = time.Minute

// Job is something that identity sync does again and again.
type Job struct {
	Name string `json:"job"`
	// Succeeded is how long ago the job last did what it is for, in seconds; nil where
	// it never did.
	Succeeded *int64 `json:"succeeded"`
	// Detail is what it did then, Error why it did not do so since; empty if nothing failed.
	Detail string `json:"detail"`
	Error  string `json:"error"`
}

// Since is such as "5s ago", or never.
func (j Job) Since() string {
	if j.Succeeded == nil {
		return "never"
	}
	return (time.Duration(*j.Succeeded) * time.Second).String() + " ago"
}

// Jobs are all of them, by name.
func Jobs(ctx context.Context, stack outputs.Stack, docker *engine.Engine) (map[string]Job, error) {
	list, err := engine.RunJSON[[]Job](ctx, docker, stack.IdentitySync.Container, []string{"python", "-m", "mlflow_sso.identity_sync", "status"}, nil)
	if err != nil {
		return nil, fmt.Errorf("read the job results of %s: %w", stack.IdentitySync.Container, err)
	}
	jobs := map[string]Job{}
	for _, job := range list {
		jobs[job.Name] = job
	}
	return jobs, nil
}

// Intervals is how often each job of a stack's identity sync runs.
func Intervals(stack outputs.Stack) map[string]time.Duration {
	follow := time.Duration(stack.IdentitySync.IntervalSeconds) * time.Second
	return map[string]time.Duration{Follow: follow, SignOut: follow, BreakGlass: follow, Prune: time.Duration(stack.IdentitySync.PruneIntervalSeconds) * time.Second}
}

// Overdue says of a job whether it should have succeeded again by now.
func Overdue(stack outputs.Stack, job Job) bool {
	return job.Succeeded == nil || time.Duration(*job.Succeeded)*time.Second > 2*Intervals(stack)[job.Name]+slack
}

// Expired is the time within which a user who is gone in Keycloak is out of MLflow, while
// Keycloak answers.
func Expired(stack outputs.Stack) time.Duration { return 2 * Intervals(stack)[Follow] }
