package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/external"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// volumeDifferences are the volumes of a stack that differ between host and state.
type volumeDifferences struct {
	// missing do not exist; unmanaged exist and do not have the deployment's label.
	missing, unmanaged []stack.Volume
	// unknown are unmanaged, and not in the state.
	unknown []string

	errs []error
}

func (d volumeDifferences) none() bool { return len(d.errs) == 0 }

// err returns one error that names every volume.
func (d volumeDifferences) err() error { return hostvolume.Explain(errors.Join(d.errs...)) }

// compareVolumes compares the volumes of the state, and those of the settings, with the host's.
// It omits volumes whose data is external now. A volume of a deployment with another name is
// always an error.
func compareVolumes(ctx context.Context, host hostvolume.Host, settings *config.Config, known []stack.Volume) (volumeDifferences, error) {
	var found volumeDifferences
	if err := refuseRename(settings, known); err != nil {
		return found, err
	}
	replaced, wanted := external.ReplacedVolumes(settings), external.DataVolumes(settings)
	for _, v := range known {
		if slices.Contains(replaced, v.Name) {
			continue
		}
		wanted = slices.DeleteFunc(wanted, func(name string) bool { return name == v.Name })
		err := hostvolume.Compare(ctx, host, hostvolume.Recorded{Name: v.Name, Deployment: v.Deployment()})
		switch {
		case errors.Is(err, hostvolume.ErrMissing):
			found.missing = append(found.missing, v)
		case errors.Is(err, hostvolume.ErrUnmanaged):
			found.unmanaged = append(found.unmanaged, v)
		case err != nil:
			return found, err
		default:
			continue
		}
		found.errs = append(found.errs, err)
	}
	for _, name := range wanted {
		err := hostvolume.Compare(ctx, host, hostvolume.Recorded{Name: name, Deployment: settings.Name})
		switch {
		case errors.Is(err, hostvolume.ErrMissing): // the update creates it
		case errors.Is(err, hostvolume.ErrUnmanaged):
			found.unknown, found.errs = append(found.unknown, name), append(found.errs, err)
		case err != nil:
			return found, err
		}
	}
	return found, nil
}

// refuseRename finds a volume of a deployment with another name.
func refuseRename(settings *config.Config, known []stack.Volume) error {
	prefix := naming.Volume(settings.Name, "")
	for _, v := range known {
		if !strings.HasPrefix(v.Name, prefix) {
			return hostvolume.Explain(fmt.Errorf("volume %s: %w: %s… is expected", v.Name, hostvolume.ErrRenamed, prefix))
		}
	}
	return nil
}

// acceptVolumes accepts the volumes as they are. Missing ones are created as in the state. If the
// databases are among them, it removes the containers that still use the old ones, and removes
// the databases' content from the state: the update recreates all of it.
func acceptVolumes(ctx context.Context, s *stack.Stack, step stack.Step, known *stack.State, found volumeDifferences) error {
	var names []string
	for _, v := range found.unmanaged {
		if len(v.Options) > 0 {
			return fmt.Errorf("volume %s should be the directory %s, but is a volume that Docker created: move its content there, remove it with `docker volume rm %s`, and run this again",
				v.Name, v.Options["device"], v.Name)
		}
		names = append(names, v.Name)
		s.Note("volume " + v.Name + " is used as it is")
	}
	if len(names) > 0 {
		if err := s.AcceptWithoutLabels(ctx, names); err != nil {
			return err
		}
	}
	if len(found.missing) == 0 {
		return nil
	}
	if err := removeKnownContainers(ctx, s, step, known); err != nil {
		return err
	}
	for _, v := range found.missing {
		step.Say("creating volume %s, empty", v.Name)
		if _, err := s.Docker.API().VolumeCreate(ctx, volume.CreateOptions{Name: v.Name, Driver: v.Driver, DriverOpts: v.Options, Labels: v.Labels}); err != nil {
			return fmt.Errorf("create volume %s: %w", v.Name, err)
		}
		s.Note("volume " + v.Name + " is new and empty")
		if v.Name == naming.Volume(s.Config.Name, naming.PostgresData) {
			if err := s.ForgetDatabaseResources(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeKnownContainers removes the containers in the state; the update recreates them.
func removeKnownContainers(ctx context.Context, s *stack.Stack, step stack.Step, known *stack.State) error {
	running, err := s.Docker.API().ContainerList(ctx, container.ListOptions{All: true, Filters: s.OwnFilter()})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, c := range running {
		if !known.Has(stack.TypeContainer, c.ID) {
			continue
		}
		name := engine.ContainerName(c)
		step.Say("removing container %s, whose data is missing", name)
		if err := s.Docker.API().ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return fmt.Errorf("remove container %s: %w", name, err)
		}
	}
	return nil
}

// previewVolumes is the comparison for a preview, which may run on another machine than the
// stack's: it compares nothing if no daemon responds, or if the state has containers or networks
// and the host has no object of the deployment.
func previewVolumes(ctx context.Context, s *stack.Stack) error {
	known, err := s.ReadState(ctx)
	if err != nil {
		return err
	}
	if err := refuseRename(s.Config, known.Volumes()); err != nil || s.Docker == nil {
		return err
	}
	host := hostvolume.Docker{API: s.Docker.API()}
	if len(known.Of(stack.TypeContainer))+len(known.Of(stack.TypeNetwork)) > 0 {
		if has, err := host.HasDeployment(ctx, s.Config.Name); err != nil || !has {
			return err
		}
	}
	return requireVolumes(ctx, host, s, known)
}

// driftOfVolumes runs before all other comparisons, which would be meaningless on other data.
func driftOfVolumes(ctx context.Context, s *stack.Stack) error {
	known, err := s.ReadState(ctx)
	if err != nil {
		return err
	}
	return requireVolumes(ctx, hostvolume.Docker{API: s.Docker.API()}, s, known)
}

func requireVolumes(ctx context.Context, host hostvolume.Host, s *stack.Stack, known *stack.State) error {
	found, err := compareVolumes(ctx, host, s.Config, known.Volumes())
	if err != nil || found.none() {
		return err
	}
	return found.err()
}
