package login

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/datavolumes"
)

// checkDataVolumes requires the data volumes to match the state: logins work over an empty
// MLflow, too.
func (p *proof) checkDataVolumes(ctx context.Context) (string, error) {
	differences, err := datavolumes.Find(ctx, hostvolume.Docker{API: p.Docker.API()}, p.Stack)
	if err != nil {
		return "", err
	}
	for _, d := range differences {
		return "", check.Mismatch(fmt.Sprintf("volume %s: %s; MLflow's data is newer than the state", d.Volume, d.Got), d.Wanted)
	}
	return fmt.Sprintf("data volumes as the state has them: %d", len(datavolumes.Of(p.Stack))), nil
}
