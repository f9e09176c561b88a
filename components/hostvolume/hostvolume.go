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

// AcceptFlag is the flag of `mlflow-sso up` that accepts the volumes as they are.
const AcceptFlag = "--accept-volumes"

// The ways in which the host can differ from the state.
var (
	// ErrMissing means that the volume does not exist on the host.
	ErrMissing = errors.New("it does not exist on this Docker host")
	// ErrUnmanaged means that Docker or another user created the volume.
	ErrUnmanaged = errors.New("it does not have this deployment's label: Docker creates such a volume, empty, when a container mounts one that does not exist")
	// ErrRenamed means that the setting `name` has changed.
	ErrRenamed = errors.New("the setting `name` has changed, and no volume can be renamed")
)

// Host is the Docker host.
type Host interface {
	// VolumeLabels returns the labels of a volume, and whether the volume exists.
	VolumeLabels(ctx context.Context, name string) (map[string]string, bool, error)
	// HasDeployment reports whether any object on the host has the deployment's label.
	HasDeployment(ctx context.Context, deployment string) (bool, error)
}

// Recorded is a volume in the state.
type Recorded struct {
	Name string
	// Deployment is the value of its label; empty for one that was accepted without a label.
	Deployment string
}

// Compare compares a volume in the state with the host's. The error wraps ErrMissing or
// ErrUnmanaged if the volume does not exist or is a different one.
func Compare(ctx context.Context, host Host, recorded Recorded) error {
	labels, exists, err := host.VolumeLabels(ctx, recorded.Name)
	if err != nil {
		return fmt.Errorf("volume %s: %w", recorded.Name, err)
	}
	return recorded.compare(labels, exists)
}

// compare is Compare with the data of the host.
func (r Recorded) compare(labels map[string]string, exists bool) error {
	switch {
	case !exists:
		return fmt.Errorf("volume %s: %w", r.Name, ErrMissing)
	case r.Deployment != "" && labels[naming.Deployment] != r.Deployment:
		return fmt.Errorf("volume %s: %w", r.Name, ErrUnmanaged)
	}
	return nil
}

// Explain adds to such an error what it means and what to do. Other errors are returned
// unchanged.
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
