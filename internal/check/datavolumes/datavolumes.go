// Package datavolumes finds data volumes that differ from the stack's state: MLflow on such a
// volume lacks all data that was stored before.
package datavolumes

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// Difference is a data volume that differs from the state.
type Difference struct {
	// Volume is its name.
	Volume string
	// Got describes the host's volume, Wanted the state's.
	Got, Wanted string
}

// Of returns the data volumes of a stack. Those of a stack from an earlier release are recognized
// by name.
func Of(stack outputs.Stack) []outputs.Volume {
	if stack.Volumes != nil {
		return stack.Volumes
	}
	var all []outputs.Volume
	add := func(data string) {
		all = append(all, outputs.Volume{Name: naming.Volume(stack.Deployment, data), Deployment: stack.Deployment})
	}
	if stack.Postgres.Container != "" {
		add(naming.PostgresData)
	}
	if stack.Artifacts.URI == "" {
		add(naming.MLflowArtifacts)
	}
	return all
}

// Find compares the data volumes of a stack with the host's.
func Find(ctx context.Context, host hostvolume.Host, stack outputs.Stack) (found []Difference, err error) {
	for _, v := range Of(stack) {
		d := Difference{Volume: v.Name, Wanted: "the volume that this stack created, with the label " + naming.Deployment + "=" + v.Deployment}
		switch failed := hostvolume.Compare(ctx, host, hostvolume.Recorded{Name: v.Name, Deployment: v.Deployment}); {
		case errors.Is(failed, hostvolume.ErrMissing):
			d.Got = "no such volume"
		case errors.Is(failed, hostvolume.ErrUnmanaged):
			d.Got = "one without that label: Docker creates it, empty, when a container mounts a volume that does not exist"
		case failed != nil:
			err = errors.Join(err, fmt.Errorf("compare volumes: %w", failed))
			continue
		default:
			continue
		}
		found = append(found, d)
	}
	return found, err
}
