package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// syncWithin is how long a new identity sync may take to its first round,
// syncPoll how often it is asked.
const (
	syncWithin = 20 * time.Second
	syncPoll   = time.Second
)

// checkIdentitySync demands that the identity sync has just compared MLflow's people with
// Keycloak's. That it then ends what is to be ended is an attack's to prove.
func (p *proof) checkIdentitySync(ctx context.Context) (string, error) {
	var jobs map[string]syncstatus.Job
	var job syncstatus.Job
	err := poll.Until(ctx, syncPoll, syncWithin, func(ctx context.Context) (done bool, err error) {
		if jobs, err = syncstatus.Jobs(ctx, p.Stack, p.Docker); err != nil {
			return false, err
		}
		job = jobs[syncstatus.Follow]
		job.Name = syncstatus.Follow
		return !syncstatus.Overdue(p.Stack, job) && job.Error == "", nil
	})
	switch {
	case err == nil:
		return fmt.Sprintf("last sync %s, every %s; last pruning %s", job.Since(), syncstatus.Intervals(p.Stack)[syncstatus.Follow], jobs[syncstatus.Prune].Since()), nil
	case errors.Is(err, poll.ErrTimeout):
		return "", check.Mismatch("last sync "+job.Since()+", "+job.Error, "every "+syncstatus.Intervals(p.Stack)[syncstatus.Follow].String())
	}
	return "", err
}
