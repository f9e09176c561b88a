package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/keeper"
)

// keeperWithin is how long a keeper that was just made may take to its first round,
// keeperPoll how often it is asked.
const (
	keeperWithin = 20 * time.Second
	keeperPoll   = time.Second
)

// checkKeeper demands that the keeper has just compared MLflow's people with
// Keycloak's. That it then ends what is to be ended is an attack's to prove.
func (p *proof) checkKeeper(ctx context.Context) (string, error) {
	within, cancel := context.WithTimeout(ctx, keeperWithin)
	defer cancel()
	for {
		jobs, err := keeper.Jobs(ctx, p.stack, p.docker)
		if err != nil {
			return "", err
		}
		job := jobs[keeper.Follow]
		job.Name = keeper.Follow
		if !keeper.Late(p.stack, job) && job.Error == "" {
			return fmt.Sprintf("people compared with Keycloak's %s, every %s; pruned %s", job.Ago(), keeper.Every(p.stack)[keeper.Follow], jobs[keeper.Prune].Ago()), nil
		}
		select {
		case <-within.Done():
			return "", differs("people compared with Keycloak's "+job.Ago()+", "+job.Error, "every "+keeper.Every(p.stack)[keeper.Follow].String())
		case <-time.After(keeperPoll):
		}
	}
}
