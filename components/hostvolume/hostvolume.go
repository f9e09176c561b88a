// Package hostvolume compares the volumes of the state with those of the Docker host.
//
// If a container mounts a volume that does not exist, Docker creates it: empty, and
// without labels. So a data volume that was removed outside Pulumi would silently be
// replaced by an empty one. The comparison is by name and by the label of the deployment.
// The program compares between a volume and the containers that mount it, the tool before
// an update.
package hostvolume

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// AcceptFlag is the flag of `mlflow-sso up` that goes on with the volumes as they are.
const AcceptFlag = "--accept-volumes"

// The ways in which the host differs from the state.
var (
	// ErrMissing says that the host has no such volume.
	ErrMissing = errors.New("it does not exist on this Docker host")
	// ErrUnmanaged says that Docker or another user made it.
	ErrUnmanaged = errors.New("it does not have this deployment's label: Docker creates such a volume, empty, when a container mounts one that does not exist")
	// ErrRenamed says that the setting `name` has changed.
	ErrRenamed = errors.New("the setting `name` has changed, and no volume can be renamed")
)

// Host is the Docker host.
type Host interface {
	// VolumeLabels returns the labels of a volume, and whether there is one of that name.
	VolumeLabels(ctx context.Context, name string) (map[string]string, bool, error)
	// HasDeployment says whether anything on the host has the label of the deployment.
	HasDeployment(ctx context.Context, deployment string) (bool, error)
}

// Recorded is a volume as the state has it.
type Recorded struct {
	Name string
	// Deployment is the value of its label; empty for one that was accepted without.
	Deployment string
}

// Compare looks for a volume of the state on the host. The error wraps ErrMissing or
// ErrUnmanaged where it is not there, or not the same one.
func Compare(ctx context.Context, host Host, recorded Recorded) error {
	labels, exists, err := host.VolumeLabels(ctx, recorded.Name)
	if err != nil {
		return fmt.Errorf("volume %s: %w", recorded.Name, err)
	}
	return recorded.compare(labels, exists)
}

// compare is Compare with what was read from the host.
func (r Recorded) compare(labels map[string]string, exists bool) error {
	switch {
	case !exists:
		return fmt.Errorf("volume %s: %w", r.Name, ErrMissing)
	case r.Deployment != "" && labels[naming.Deployment] != r.Deployment:
		return fmt.Errorf("volume %s: %w", r.Name, ErrUnmanaged)
	}
	return nil
}

// Explain says of differences what they mean, and what to do. An error that is none of the
// above stays as it is.
func Explain(err error) error {
	switch {
	case errors.Is(err, ErrRenamed):
		return fmt.Errorf("%w\nnothing was changed. Restore the old `name`, or create a copy under the new name from a snapshot (`mlflow-sso restore --source`)", err)
	case errors.Is(err, ErrMissing), errors.Is(err, ErrUnmanaged):
		return fmt.Errorf("%w\nthe data of the stack is not on this host. Point DOCKER_HOST at the right host; or restore the data from a snapshot: "+
			"`mlflow-sso destroy --delete-data`, then `mlflow-sso restore`; or continue with the volumes as they are: `mlflow-sso up %s` creates missing ones empty, "+
			"uses the others as they are, and deletes nothing", err, AcceptFlag)
	}
	return err
}
