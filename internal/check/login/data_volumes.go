package login

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/internal/check/datavolumes"
)

// checkDataVolumes demands that the data volumes are those of the state: every login works over
// an empty MLflow, too.
func (p *proof) checkDataVolumes(ctx context.Context) (string, error) {
	differences, err := datavolumes.Find(ctx, hostvolume.Docker{API: p.docker.API()}, p.stack)
	if err != nil {
		return "", err
	}
	for _, d := range differences {
		return "", differs(fmt.Sprintf("volume %s: %s; MLflow is younger than its state", d.Volume, d.Got), d.Wanted)
	}
	return fmt.Sprintf("data volumes that are the state's: %d", len(datavolumes.Of(p.stack))), nil
}
