package lifecycle

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/external"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// recovery is what an update must do in addition after an interruption.
type recovery struct {
	// refresh reports that containers differ from the state, down that one of them is not
	// running, so that Keycloak may not respond.
	refresh, down bool
	// behind reports that Keycloak may contain objects that are not in the state, kept that the
	// stack's own volumes contain earlier data.
	behind, kept bool
	// known is the state as it was found.
	known *stack.State
}

// recoverInterrupted cleans up after an interrupted update, and refuses to continue if an object
// on the host belongs to another stack.
func recoverInterrupted(ctx context.Context, s *stack.Stack, step stack.Step) (recovery, error) {
	known, err := s.ReadSettledState(ctx, step)
	if err != nil {
		return recovery{}, err
	}
	kept, err := volumes(ctx, s, known)
	if err != nil {
		return recovery{}, err
	}
	left, err := removeLeftOvers(ctx, s, known, step)
	if err != nil {
		return recovery{}, err
	}
	down, err := anyDown(ctx, s, known)
	if err != nil {
		return recovery{}, err
	}
	cut := len(known.Interrupted())
	if cut > 0 {
		s.Note(fmt.Sprintf("an earlier update was interrupted at %d resources, and this one continued it", cut))
	}
	if err := s.ClearInterrupted(ctx, known); err != nil {
		return recovery{}, err
	}
	return recovery{
		refresh: left || down || cut > 0,
		down:    down,
		behind:  len(known.Of(stack.TypeRealm)) == 0 || cut > 0,
		kept:    kept,
		known:   known,
	}, nil
}

// volumes reports whether the stack has earlier data. It refuses data of another root secret,
// which this stack cannot decrypt.
func volumes(ctx context.Context, s *stack.Stack, known *stack.State) (bool, error) {
	found, err := s.Docker.API().VolumeList(ctx, volume.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list volumes: %w", err)
	}
	replaced, kept := external.ReplacedVolumes(s.Config), false
	for _, name := range known.IDs(stack.TypeVolume) {
		kept = kept || !slices.Contains(replaced, name) // including one accepted without a label
	}
	for _, v := range found.Volumes {
		if slices.Contains(replaced, v.Name) {
			continue // it cannot be decrypted
		}
		kept = true
		if known.Has(stack.TypeVolume, v.Name) || known.InterruptedOn(stack.TypeVolume) {
			continue
		}
		return false, fmt.Errorf("volume %s holds data of a deployment named %q that is not in this state, and is encrypted or locked with another root secret: "+
			"point MLFLOW_SSO_HOME or PULUMI_BACKEND_URL at the state that it belongs to, choose another `name` in the stack file, "+
			"or, if no one needs it (for example because its data was moved to an external service), remove it with `docker volume rm %s`",
			v.Name, s.Config.Name, v.Name)
	}
	return kept, nil
}

// removeLeftOvers removes containers and networks that an update created but could not record.
// They belong to this stack if the state has a network of the deployment: another stack of the
// same name has its own networks. A container's own network is no criterion, since it joins that
// only after its creation.
func removeLeftOvers(ctx context.Context, s *stack.Stack, known *stack.State, step stack.Step) (bool, error) {
	api := s.Docker.API()
	networks, err := api.NetworkList(ctx, network.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list networks: %w", err)
	}
	own := slices.ContainsFunc(networks, func(n network.Summary) bool { return known.Has(stack.TypeNetwork, n.ID) })
	removed, err := removeContainers(ctx, s, known, own, step)
	if err != nil {
		return false, err
	}
	for _, n := range networks {
		if known.Has(stack.TypeNetwork, n.ID) {
			continue
		}
		step.Say("removing network %s, which an interrupted update left behind", n.Name)
		// Docker refuses if a container is on it, which then belongs to another stack.
		if err := api.NetworkRemove(ctx, n.ID); err != nil {
			return false, fmt.Errorf("remove network %s: %w", n.Name, err)
		}
		removed = true
	}
	return removed, nil
}

func removeContainers(ctx context.Context, s *stack.Stack, known *stack.State, own bool, step stack.Step) (removed bool, err error) {
	containers, err := s.Docker.API().ContainerList(ctx, container.ListOptions{All: true, Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range containers {
		name := engine.ContainerName(c)
		if known.Has(stack.TypeContainer, c.ID) {
			continue
		}
		if !own {
			return false, fmt.Errorf("container %s belongs to a deployment named %q that is not in this state: "+
				"point MLFLOW_SSO_HOME or PULUMI_BACKEND_URL at the state that it belongs to, or choose another `name` in the stack file", name, s.Config.Name)
		}
		step.Say("removing container %s, which an interrupted update left behind", name)
		if err := s.Docker.API().ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return false, fmt.Errorf("remove container %s: %w", name, err)
		}
		removed = true
	}
	return removed, nil
}

// anyDown reports whether a container in the state is not running.
func anyDown(ctx context.Context, s *stack.Stack, known *stack.State) (bool, error) {
	running, err := s.Docker.API().ContainerList(ctx, container.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list containers: %w", err)
	}
	up := map[string]bool{}
	for _, c := range running {
		up[c.ID] = true
	}
	for _, id := range known.IDs(stack.TypeContainer) {
		if !up[id] {
			return true, nil
		}
	}
	return false, nil
}
