// Package inventory lists what runs of deployments on a Docker host, by the labels of the
// containers. It needs neither a state nor its passphrase.
package inventory

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Container is a container of a deployment.
type Container struct {
	Deployment string `json:"-"`
	// Component is the part of the stack, as commands call it.
	Component string `json:"component"`
	Name      string `json:"name"`
	// Status is Docker's, such as running or exited; Health is empty without a health check.
	Status string `json:"status"`
	Health string `json:"health"`
	// Since is when it took this status, as far as Docker knows it: it was started, or it ended.
	Since time.Time `json:"since"`
	Image string    `json:"image"`
	// Ports are those of the host on which it listens, such as 127.0.0.1:5000.
	Ports []string `json:"ports"`
}

// Ready says whether it runs and its health check passes.
func (c Container) Ready() bool {
	return engine.State{Status: c.Status, Health: c.Health}.Ready()
}

// Deployment is all containers with one value of the deployment's label.
type Deployment struct {
	Name       string
	Containers []Container
}

// Ready is how many of its containers are ready.
func (d Deployment) Ready() (ready int) {
	for _, c := range d.Containers {
		if c.Ready() {
			ready++
		}
	}
	return ready
}

// Since is when the first of its containers that run was started; zero if none does.
func (d Deployment) Since() (first time.Time) {
	for _, c := range d.Containers {
		if c.Status == container.StateRunning && (first.IsZero() || c.Since.Before(first)) {
			first = c.Since
		}
	}
	return first
}

// Deployments are all on the host, by name.
func Deployments(ctx context.Context, docker *engine.Engine) ([]Deployment, error) {
	all, err := containers(ctx, docker, naming.Deployment)
	if err != nil {
		return nil, err
	}
	var found []Deployment
	for _, c := range all {
		i := slices.IndexFunc(found, func(d Deployment) bool { return d.Name == c.Deployment })
		if i < 0 {
			found, i = append(found, Deployment{Name: c.Deployment}), len(found)
		}
		found[i].Containers = append(found[i].Containers, c)
	}
	slices.SortFunc(found, func(a, b Deployment) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

// Of is one deployment; without containers if there is none of that name.
func Of(ctx context.Context, docker *engine.Engine, name string) (Deployment, error) {
	all, err := containers(ctx, docker, naming.Deployment+"="+name)
	return Deployment{Name: name, Containers: all}, err
}

// containers are those with a label, in the order of the parts of a stack.
func containers(ctx context.Context, docker *engine.Engine, label string) ([]Container, error) {
	listed, err := docker.API().ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	found := make([]Container, 0, len(listed))
	for _, c := range listed {
		inspected, err := docker.API().ContainerInspect(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("inspect container %s: %w", engine.ContainerName(c), err)
		}
		found = append(found, of(c, inspected.State))
	}
	slices.SortFunc(found, func(a, b Container) int {
		return cmp.Or(cmp.Compare(rank(a.Component), rank(b.Component)), cmp.Compare(a.Name, b.Name))
	})
	return found, nil
}

func of(c container.Summary, state *container.State) Container {
	made := Container{
		Deployment: c.Labels[naming.Deployment], Component: ComponentName(check.Component(c.Labels[naming.Component])),
		Name: engine.ContainerName(c), Status: c.State, Image: c.Image, Since: time.Unix(c.Created, 0).UTC(), Ports: []string{},
	}
	if state != nil {
		made.Status = state.Status
		changed := state.StartedAt
		if !state.Running {
			changed = state.FinishedAt
		}
		if at, err := time.Parse(time.RFC3339Nano, changed); err == nil && at.Year() > 1 {
			made.Since = at
		}
		if state.Health != nil && state.Health.Status != container.NoHealthcheck {
			made.Health = state.Health.Status
		}
	}
	for _, port := range c.Ports {
		if port.PublicPort != 0 {
			made.Ports = append(made.Ports, net.JoinHostPort(port.IP, strconv.Itoa(int(port.PublicPort))))
		}
	}
	slices.Sort(made.Ports)
	made.Ports = slices.Compact(made.Ports)
	return made
}

// identitySync is how commands call the component that has an older name on the host.
const identitySync = "identity-sync"

// ComponentName is how commands call the component of a label.
func ComponentName(label check.Component) string {
	if label == check.IdentitySync {
		return identitySync
	}
	return string(label)
}

// rank is the place of a component among the parts of a stack; what is not a part is last.
func rank(component string) int {
	names := ComponentNames()
	if i := slices.Index(names, component); i >= 0 {
		return i
	}
	return len(names)
}

// ComponentNames are the components that have a container, in the order in which faults spread.
func ComponentNames() []string {
	var names []string
	for _, c := range check.Components() {
		if c != check.Host && c != check.Realm {
			names = append(names, ComponentName(c))
		}
	}
	return names
}
