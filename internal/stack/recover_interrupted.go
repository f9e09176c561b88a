package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// recoveryPlan is what an update has to do more than usual.
type recoveryPlan struct {
	// refresh says that containers are not as the state has them, down that one of
	// them does not run, so that Keycloak may not answer.
	refresh, down bool
	// behind says that Keycloak may hold what the state does not know, kept that the
	// stack's own volumes hold data from before.
	behind, kept bool
	// known is the state as it was found.
	known *State
}

// recoverInterrupted clears up behind an update that was cut off, and refuses to go on where
// something on the host belongs to another stack.
func (s *Stack) recoverInterrupted(ctx context.Context, step Step) (recoveryPlan, error) {
	known, err := s.ReadSettledState(ctx, step)
	if err != nil {
		return recoveryPlan{}, err
	}
	kept, err := s.volumes(ctx, known)
	if err != nil {
		return recoveryPlan{}, err
	}
	left, err := s.removeLeftOvers(ctx, known, step)
	if err != nil {
		return recoveryPlan{}, err
	}
	down, err := s.anyDown(ctx, known)
	if err != nil {
		return recoveryPlan{}, err
	}
	cut := len(known.Interrupted())
	if cut > 0 {
		step.Say("an earlier update was cut off at %d resources: going on from there", cut)
	}
	if err := s.ClearInterrupted(ctx, known); err != nil {
		return recoveryPlan{}, err
	}
	return recoveryPlan{
		refresh: left || down || cut > 0,
		down:    down,
		behind:  len(known.Of(TypeRealm)) == 0 || cut > 0,
		kept:    kept,
		known:   known,
	}, nil
}

// lock is what Pulumi writes for as long as an update runs.
type lock struct {
	Pid      int    `json:"pid"`
	Hostname string `json:"hostname"`
	Username string `json:"username"`
}

// lockPoll is how often the end of another update is looked for.
const lockPoll = time.Second

// unlock removes the lock of an update whose process is gone, and waits for one
// that still runs on this machine: a kill of this tool does not end it. Locks of
// other machines are reported.
func (s *Stack) unlock(ctx context.Context, step Step) error {
	here, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this machine: %w", err)
	}
	for {
		held, err := s.lock()
		switch {
		case err != nil || held == nil:
			return err
		case held.Hostname != "" && held.Hostname != here:
			return fmt.Errorf("another update is running: process %d of %s on %s; wait for its end, or, if that machine is gone, run `pulumi cancel`",
				held.Pid, held.Username, held.Hostname)
		case !alive(held.Pid):
			step.Say("the update that held the lock is gone: unlocking")
			if err := s.pulumi.Cancel(ctx); err != nil {
				return Hinted("unlock", err, nil)
			}
			return nil
		}
		step.Say("waiting for another update of this stack, process %d, to end", held.Pid)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// lock is who holds the stack; nil when nobody does, or when the state is not in
// a folder on this machine. One that was half written, when the disk filled up,
// locks as well and is nobody's.
func (s *Stack) lock() (*lock, error) {
	folder, ok := s.StateFolder()
	if !ok {
		return nil, nil
	}
	paths, err := filepath.Glob(filepath.Join(folder, ".pulumi", "locks", "organization", "*", s.Name, "*.json"))
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	content, err := os.ReadFile(paths[0])
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	var held lock
	_ = json.Unmarshal(content, &held)
	return &held, nil
}

// alive says whether a process exists and is a Pulumi: numbers are used again.
func alive(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err != nil || strings.HasPrefix(string(name), "pulumi")
}

// OwnFilter selects what carries the deployment's name.
func (s *Stack) OwnFilter() filters.Args {
	return filters.NewArgs(filters.Arg("label", naming.Deployment+"="+s.Config.Name))
}

// volumes says whether the stack has data from before. Data that was not made
// with this stack's root secret cannot be opened with it, so it is refused.
func (s *Stack) volumes(ctx context.Context, known *State) (bool, error) {
	found, err := s.Docker.API().VolumeList(ctx, volume.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list volumes: %w", err)
	}
	replaced, kept := s.detachedVolumes(), false
	for _, v := range found.Volumes {
		if slices.Contains(replaced, v.Name) {
			continue // nobody will open it
		}
		kept = true
		if known.Has(TypeVolume, v.Name) || known.InterruptedOn(TypeVolume) {
			continue
		}
		return false, fmt.Errorf("volume %s holds data of a deployment named %q that is not in this state, and is encrypted or locked with another root secret: "+
			"point MLFLOW_SSO_HOME or PULUMI_BACKEND_URL at the state that it belongs to, choose another `name` in the stack file, "+
			"or, if nobody needs it, also because it is from before its data was moved elsewhere, remove it with `docker volume rm %s`",
			v.Name, s.Config.Name, v.Name)
	}
	return kept, nil
}

// removeLeftOvers removes containers and networks that an update made but could
// not write down. They are ours if the state knows a network of the deployment:
// another stack of the same name has networks of its own. A container cannot be
// judged by its own network, which it joins only after it was made.
func (s *Stack) removeLeftOvers(ctx context.Context, known *State, step Step) (bool, error) {
	api := s.Docker.API()
	networks, err := api.NetworkList(ctx, network.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list networks: %w", err)
	}
	own := slices.ContainsFunc(networks, func(n network.Summary) bool { return known.Has(TypeNetwork, n.ID) })
	removed, err := s.removeContainers(ctx, known, own, step)
	if err != nil {
		return false, err
	}
	for _, n := range networks {
		if known.Has(TypeNetwork, n.ID) {
			continue
		}
		step.Say("removing network %s, which an update that was cut off left behind", n.Name)
		// Docker refuses where a container is on it, which then belongs to somebody else.
		if err := api.NetworkRemove(ctx, n.ID); err != nil {
			return false, fmt.Errorf("remove network %s: %w", n.Name, err)
		}
		removed = true
	}
	return removed, nil
}

func (s *Stack) removeContainers(ctx context.Context, known *State, own bool, step Step) (removed bool, err error) {
	containers, err := s.Docker.API().ContainerList(ctx, container.ListOptions{All: true, Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range containers {
		name := nameOfContainer(c)
		if known.Has(TypeContainer, c.ID) {
			continue
		}
		if !own {
			return false, fmt.Errorf("container %s is of a deployment named %q that is not in this state: "+
				"point MLFLOW_SSO_HOME or PULUMI_BACKEND_URL at the state that it belongs to, or choose another `name` in the stack file", name, s.Config.Name)
		}
		step.Say("removing container %s, which an update that was cut off left behind", name)
		if err := s.Docker.API().ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return false, fmt.Errorf("remove container %s: %w", name, err)
		}
		removed = true
	}
	return removed, nil
}

// anyDown says whether a container that the state knows does not run.
func (s *Stack) anyDown(ctx context.Context, known *State) (bool, error) {
	running, err := s.Docker.API().ContainerList(ctx, container.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return false, fmt.Errorf("list containers: %w", err)
	}
	up := map[string]bool{}
	for _, c := range running {
		up[c.ID] = true
	}
	for _, id := range known.IDs(TypeContainer) {
		if !up[id] {
			return true, nil
		}
	}
	return false, nil
}
