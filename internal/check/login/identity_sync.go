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

// syncWithin is the time limit for a new identity sync's first round, syncPoll the polling
// interval.
const (
	syncWithin = 20 * time.Second
	syncPoll   = time.Second
)

// checkIdentitySync requires that the identity sync has just compared MLflow's users with
// Keycloak's. The security test proves that it also revokes access.
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
