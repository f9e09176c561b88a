package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// keeperWithin is how long a keeper that was just made may take to its first round,
// keeperPoll how often it is asked.
const (
	keeperWithin = 20 * time.Second
	keeperPoll   = time.Second
)

// checkIdentitySync demands that the keeper has just compared MLflow's people with
// Keycloak's. That it then ends what is to be ended is an attack's to prove.
func (p *proof) checkIdentitySync(ctx context.Context) (string, error) {
	var jobs map[string]syncstatus.Job
	var job syncstatus.Job
	err := poll.Until(ctx, keeperPoll, keeperWithin, func(ctx context.Context) (done bool, err error) {
		if jobs, err = syncstatus.Jobs(ctx, p.stack, p.docker); err != nil {
			return false, err
		}
		job = jobs[syncstatus.Follow]
		job.Name = syncstatus.Follow
		return !syncstatus.Overdue(p.stack, job) && job.Error == "", nil
	})
	switch {
	case err == nil:
		return fmt.Sprintf("people compared with Keycloak's %s, every %s; pruned %s", job.Since(), syncstatus.Intervals(p.stack)[syncstatus.Follow], jobs[syncstatus.Prune].Since()), nil
	case errors.Is(err, poll.ErrTimeout):
		return "", differs("people compared with Keycloak's "+job.Since()+", "+job.Error, "every "+syncstatus.Intervals(p.stack)[syncstatus.Follow].String())
	}
	return "", err
}
