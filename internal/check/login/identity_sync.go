package login

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
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
	within, cancel := context.WithTimeout(ctx, keeperWithin)
	defer cancel()
	for {
		jobs, err := syncstatus.Jobs(ctx, p.stack, p.docker)
		if err != nil {
			return "", err
		}
		job := jobs[syncstatus.Follow]
		job.Name = syncstatus.Follow
		if !syncstatus.Overdue(p.stack, job) && job.Error == "" {
			return fmt.Sprintf("people compared with Keycloak's %s, every %s; pruned %s", job.Since(), syncstatus.Intervals(p.stack)[syncstatus.Follow], jobs[syncstatus.Prune].Since()), nil
		}
		select {
		case <-within.Done():
			return "", differs("people compared with Keycloak's "+job.Since()+", "+job.Error, "every "+syncstatus.Intervals(p.stack)[syncstatus.Follow].String())
		case <-time.After(keeperPoll):
		}
	}
}
