// Package syncstatus reads the results of identity sync's jobs.
//
// Identity sync records them in the plugin's database, so they survive a restart and reflect what
// was really done.
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

// slack is the tolerance for a late job: a slow machine, an update that recreates containers, a
// Keycloak that is starting.
const slack = time.Minute

// Job is a periodic job of the identity sync.
type Job struct {
	Name string `json:"job"`
	// Succeeded is the time since the job's last success, in seconds; nil if there is none.
	Succeeded *int64 `json:"succeeded"`
	// Detail is its result then, Error the failure since; empty if nothing failed.
	Detail string `json:"detail"`
	Error  string `json:"error"`
}

// Since returns a text such as "5s ago", or never.
func (j Job) Since() string {
	if j.Succeeded == nil {
		return "never"
	}
	return (time.Duration(*j.Succeeded) * time.Second).String() + " ago"
}

// Jobs returns all jobs by name.
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

// Intervals returns the interval of each job of a stack's identity sync.
func Intervals(stack outputs.Stack) map[string]time.Duration {
	follow := time.Duration(stack.IdentitySync.IntervalSeconds) * time.Second
	return map[string]time.Duration{Follow: follow, SignOut: follow, BreakGlass: follow, Prune: time.Duration(stack.IdentitySync.PruneIntervalSeconds) * time.Second}
}

// Overdue reports whether a job should have succeeded again by now.
func Overdue(stack outputs.Stack, job Job) bool {
	return job.Succeeded == nil || time.Duration(*job.Succeeded)*time.Second > 2*Intervals(stack)[job.Name]+slack
}

// Expired returns the time within which a user removed from Keycloak loses access to MLflow,
// while Keycloak is up.
func Expired(stack outputs.Stack) time.Duration { return 2 * Intervals(stack)[Follow] }
