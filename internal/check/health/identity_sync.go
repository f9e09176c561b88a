package health

import (
	"context"
	"maps"
	"slices"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

// does describes the effect of each job of the identity sync that does not run.
var does = map[string]string{
	syncstatus.Follow:     "users who are disabled in Keycloak or left their group keep sessions and tokens in MLflow",
	syncstatus.SignOut:    "sessions and tokens that were signed out in Keycloak, or are older than a new password, stay valid in MLflow",
	syncstatus.BreakGlass: "a break-glass account keeps its rights after its token has expired",
	syncstatus.Prune:      "the tables of logins and sessions grow",
}

func (d *doctor) checkIdentitySync(ctx context.Context) ([]Finding, error) {
	jobs, err := syncstatus.Jobs(ctx, d.Stack, d.docker)
	if err != nil {
		return nil, err
	}
	return d.judgeIdentitySync(jobs), nil
}

// judgeIdentitySync requires that each job has succeeded recently.
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
