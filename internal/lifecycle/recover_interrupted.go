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

// recovery is what an update has to do more than usual.
type recovery struct {
	// refresh says that containers are not as the state has them, down that one of
	// them does not run, so that Keycloak may not answer.
	refresh, down bool
	// behind says that Keycloak may hold what the state does not know, kept that the
	// stack's own volumes hold data from before.
	behind, kept bool
	// known is the state as it was found.
	known *stack.State
}

// recoverInterrupted clears up behind an update that was cut off, and refuses to go on where
// something on the host belongs to another stack.
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

// volumes says whether the stack has data from before. Data that was not made
// with this stack's root secret cannot be opened with it, so it is refused.
func volumes(ctx context.Context, s *stack.Stack, known *stack.State) (bool, error) {
	found, err := s.Docker.API().VolumeList(ctx, volume.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list volumes: %w", err)
	}
	replaced, kept := external.ReplacedVolumes(s.Config), false
	for _, name := range known.IDs(stack.TypeVolume) {
		kept = kept || !slices.Contains(replaced, name) // also one that was accepted without a label
	}
	for _, v := range found.Volumes {
		if slices.Contains(replaced, v.Name) {
			continue // nobody will open it
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

// removeLeftOvers removes containers and networks that an update made but could
// not write down. They are ours if the state knows a network of the deployment:
// another stack of the same name has networks of its own. A container cannot be
// judged by its own network, which it joins only after it was made.
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
		// Docker refuses where a container is on it, which then belongs to someone else.
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

// anyDown says whether a container that the state knows does not run.
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
