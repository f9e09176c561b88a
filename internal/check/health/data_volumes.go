package health

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/internal/check/datavolumes"
)

// checkDataVolumes reports data volumes that differ from the state.
func (d *doctor) checkDataVolumes(ctx context.Context) ([]Finding, error) {
	differences, err := datavolumes.Find(ctx, hostvolume.Docker{API: d.docker.API()}, d.Stack)
	return d.judgeDataVolumes(differences), err
}

func (d *doctor) judgeDataVolumes(differences []datavolumes.Difference) (found []Finding) {
	for _, v := range differences {
		found = append(found, Finding{
			ID: DataVolumeReplaced, Component: Host,
			Summary: fmt.Sprintf("volume %s is not the one that this stack created: MLflow's data is newer than the state, and earlier data is not in it", v.Volume),
			Got:     v.Got, Wanted: v.Wanted, Cause: "volume " + v.Volume,
			Fix: d.up(hostvolume.AcceptFlag) + " # or destroy --delete-data, and restore a snapshot",
		})
	}
	return found
}
