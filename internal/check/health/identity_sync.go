package health

import (
	"context"
	"maps"
	"slices"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

// does says what is wrong while a job of the identity sync does not run.
var does = map[string]string{
	syncstatus.Follow:     "who is disabled in Keycloak or left their group keeps sessions and tokens in MLflow",
	syncstatus.SignOut:    "sessions and tokens that were signed out in Keycloak, or are older than a new password, go on in MLflow",
	syncstatus.BreakGlass: "an account that was let in past Keycloak is not ended, though its token is",
	syncstatus.Prune:      "the tables of logins and sessions grow",
}

func (d *doctor) checkIdentitySync(ctx context.Context) ([]Finding, error) {
	jobs, err := syncstatus.Jobs(ctx, d.Stack, d.docker)
	if err != nil {
		return nil, err
	}
	return d.judgeIdentitySync(jobs), nil
}

// judgeIdentitySync demands that each job has succeeded recently.
func (d *doctor) judgeIdentitySync(jobs map[string]syncstatus.Job) (found []Finding) {
	every := syncstatus.Intervals(d.Stack)
	for _, name := range slices.Sorted(maps.Keys(every)) {
		job := jobs[name]
		job.Name = name
		if !syncstatus.Overdue(d.Stack, job) {
			continue
		}
		got := "last done " + job.Since()
		if job.Error != "" {
			got += ", since then: " + job.Error
		}
		found = append(found, Finding{
			ID: IdentitySyncOverdue, Component: IdentitySync, Summary: "the identity sync does not " + name + ": " + does[name],
			Got: got, Wanted: "every " + every[name].String(), Cause: "container " + d.container(IdentitySync), Fix: d.up("--refresh"),
		})
	}
	return found
}
