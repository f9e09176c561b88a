package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/components/identitysync"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// checkContainers checks that each container exists, runs, is healthy, and is on its networks. It
// also records which components the other checks can query.
func (d *doctor) checkContainers(ctx context.Context) (found []Finding, err error) {
	for _, component := range components {
		name := d.container(component)
		if name == "" || component == Realm {
			continue
		}
		seen, failed := d.docker.API().ContainerInspect(ctx, name)
		if errdefs.IsNotFound(failed) {
			d.down[component] = "not there"
			found = append(found, Finding{
				ID: ContainerMissing, Component: component, Summary: fmt.Sprintf("container %s does not exist", name),
				Got: "no such container", Wanted: "a container that runs", Cause: "container " + name, Fix: d.up(), Effect: usersNotice[component],
			})
			continue
		}
		if failed != nil {
			d.down[component] = "not to be seen: " + failed.Error()
			err = errors.Join(err, fmt.Errorf("inspect container %s: %w", name, failed))
			continue
		}
		d.inspected[component], d.down[component] = seen, unreachable(seen.State)
		found = append(found, d.judgeContainer(component, seen)...)
	}
	return found, err
}

// unreachable returns why no command can run inside a container; empty if one can.
func unreachable(s *container.State) string {
	switch {
	case s.Status != container.StateRunning:
		return s.Status
	case s.Health != nil && s.Health.Status == container.Starting:
		return "still starting; run the check again when it is up"
	}
	return ""
}

func (d *doctor) judgeContainer(component Component, seen container.InspectResponse) (found []Finding) {
	name, s := d.container(component), seen.State
	add := func(id check.ID, what, got, wanted, fix string) {
		found = append(found, Finding{ID: id, Component: component, Summary: what, Got: got, Wanted: wanted, Cause: "container " + name, Fix: fix})
	}
	if s.OOMKilled {
		add(OutOfMemory, name+" was ended by the kernel for lack of memory", "OOMKilled", "at most "+fmt.Sprint(seen.HostConfig.Memory>>20)+" MiB",
			"docker restart "+name)
		found[len(found)-1].Cause = memorySetting(component) + ", if it happens again"
	}
	switch {
	case s.Status == container.StatePaused:
		add(ContainerPaused, name+" is paused", s.Status, "running", "docker unpause "+name)
	case s.Status == container.StateRestarting:
		add(ContainerRestarting, name+" ends and is restarted again and again", fmt.Sprintf("exit code %d, started %d times", s.ExitCode, seen.RestartCount), "a container that keeps running", d.up())
	case s.Status != container.StateRunning:
		add(ContainerExited, name+" does not run", fmt.Sprintf("%s, exit code %d", s.Status, s.ExitCode), "running", "docker start "+name)
	case s.Health == nil || s.Health.Status == container.NoHealthcheck:
		add(EnvironmentUnknown, name+" has no health check, so the program did not create it", "none", "the image's own", d.up("--refresh"))
	case s.Health.Status == container.Unhealthy:
		got := "unhealthy"
		if n := len(s.Health.Log); n > 0 && strings.TrimSpace(s.Health.Log[n-1].Output) != "" {
			got += ": " + firstLine(s.Health.Log[n-1].Output)
		}
		add(ContainerUnhealthy, name+" runs and does not answer its health check", got, "healthy", "docker restart "+name)
	}
	addEffects(found)
	return append(found, d.judgeNetworks(component, seen)...)
}

// judgeNetworks requires a container to be on its networks.
func (d *doctor) judgeNetworks(component Component, seen container.InspectResponse) (found []Finding) {
	wanted := d.networks(component)
	for _, network := range wanted {
		full := naming.Network(d.Stack.Deployment, network)
		if _, ok := seen.NetworkSettings.Networks[full]; ok {
			continue
		}
		found = append(found, Finding{
			ID: NetworkDisconnected, Component: component, Summary: fmt.Sprintf("%s is not on the network %s", d.container(component), full),
			Got: fmt.Sprintf("on %d of %d networks", len(seen.NetworkSettings.Networks), len(wanted)), Wanted: full,
			Cause: "network " + full,
			Fix:   fmt.Sprintf("docker network connect --alias %s %s %s", component, full, d.container(component)),
		})
	}
	return found
}

// networks returns a component's networks: see docs/explanation/architecture.md. A container with
// a fixed address cannot be reconnected with one command, so it is left to drift.
func (d *doctor) networks(component Component) []string {
	ownPostgres, ownRedis := d.Stack.Postgres.Container != "", d.Stack.Redis.Container != ""
	switch {
	case component == Postgres || component == Redis:
		return []string{"data"}
	case (component == Keycloak || component == IdentitySync) && ownPostgres, component == MLflow && (ownPostgres || ownRedis):
		return []string{"data", "edge"}
	case component == Keycloak || component == MLflow || component == IdentitySync:
		return []string{"edge"}
	}
	return nil
}

// checkEnvironments compares the variables of each container with the program's. It reports
// names, never values.
func (d *doctor) checkEnvironments(ctx context.Context) (found []Finding, err error) {
	for _, component := range components {
		name := d.container(component)
		if name == "" || component == Realm || d.down[component] == "not there" {
			continue
		}
		wanted, known := d.Environments[name]
		if !known {
			err = errors.Join(err, fmt.Errorf("%w: the state has no environment of %s", check.ErrNotRun, name))
			continue
		}
		seen, ok := d.inspected[component]
		if !ok {
			err = errors.Join(err, fmt.Errorf("%w: %s is %s", check.ErrNotRun, name, d.down[component]))
			continue
		}
		image, failed := d.docker.API().ImageInspect(ctx, seen.Image)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("inspect the image of %s: %w", name, failed))
			continue
		}
		for _, variable := range differing(wanted, pairs(seen.Config.Env), pairs(image.Config.Env)) {
			found = append(found, d.judgeVariable(component, variable))
		}
		if !slices.Equal(seen.Config.Entrypoint, image.Config.Entrypoint) || !slices.Equal(seen.Config.Cmd, command(component, image.Config.Cmd)) {
			found = append(found, Finding{
				ID: Command, Component: component, Summary: name + " runs another command than its image's own",
				Got: "another command", Wanted: strings.Join(image.Config.Entrypoint, " "), Cause: "container " + name, Fix: d.up("--refresh"),
			})
		}
	}
	return found, err
}

// command returns the command of a component's container: two components share an image, and the
// command selects the component.
func command(component Component, image []string) []string {
	if component == IdentitySync {
		return identitysync.Command()
	}
	return image
}

// pairs parses NAME=value.
func pairs(list []string) map[string]string {
	read := map[string]string{}
	for _, pair := range list {
		name, value, _ := strings.Cut(pair, "=")
		read[name] = value
	}
	return read
}

// differing returns the names of variables that differ from the program's, or else the image's.
func differing(wanted, got, image map[string]string) (names []string) {
	for name, value := range wanted {
		if has, ok := got[name]; !ok || has != value {
			names = append(names, name)
		}
	}
	for name, value := range got {
		if _, ok := wanted[name]; ok {
			continue
		}
		if has, ok := image[name]; !ok || has != value {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
