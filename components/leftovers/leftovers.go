// Package leftovers removes containers and networks that an update created on the Docker host but, because it
// was killed, did not record in its state.
//
// Their names are fixed, so the next update could not create them: Docker refuses a second container with the
// same name, and creates a second network. Pulumi calls a hook before it creates a resource, so an object
// that exists then under that name is not in the state. It is removed if it belongs to this deployment only.
package leftovers

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// removeWithin is the timeout of one removal.
const removeWithin = time.Minute

// Host is the required part of Docker's API.
type Host interface {
	ContainerInspect(ctx context.Context, container string) (container.InspectResponse, error)
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
	ContainerRemove(ctx context.Context, container string, options container.RemoveOptions) error
	NetworkList(ctx context.Context, options network.ListOptions) ([]network.Summary, error)
	NetworkRemove(ctx context.Context, network string) error
}

type hostKey struct{}

// With returns a context in which leftovers on a host are removed. Without it, nothing is
// removed.
func With(ctx *pulumi.Context, host Host) *pulumi.Context { return ctx.WithValue(hostKey{}, host) }

// remove removes the objects with a name; removed reports whether there were any.
type remove func(ctx context.Context, host Host, deployment, name string) (removed bool, err error)

// BeforeContainer removes a leftover container before a container with this name is created.
func BeforeContainer(ctx *pulumi.Context, deployment, name string) ([]pulumi.ResourceOption, error) {
	return before(ctx, "container", deployment, name, Container)
}

// BeforeNetwork removes a leftover network before a network with this name is created.
func BeforeNetwork(ctx *pulumi.Context, deployment, name string) ([]pulumi.ResourceOption, error) {
	return before(ctx, "network", deployment, name, Network)
}

func before(ctx *pulumi.Context, kind, deployment, name string, remove remove) ([]pulumi.ResourceOption, error) {
	host, ok := ctx.Value(hostKey{}).(Host)
	if !ok {
		return nil, nil
	}
	hook, err := ctx.RegisterResourceHook("leftover-"+kind+"-"+name, func(*pulumi.ResourceHookArgs) error {
		within, cancel := context.WithTimeout(ctx.Context(), removeWithin)
		defer cancel()
		removed, err := remove(within, host, deployment, name)
		if removed {
			_ = ctx.Log.Warn(fmt.Sprintf("removed %s %s, which an interrupted update left behind", kind, name), &pulumi.LogArgs{}) // Pulumi has ended
		}
		return err
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return []pulumi.ResourceOption{pulumi.ResourceHooks(&pulumi.ResourceHookBinding{BeforeCreate: []*pulumi.ResourceHook{hook}})}, nil
}

// Container removes a container of a deployment by its name. It keeps one without the deployment's
// label, and Docker then refuses the new one.
func Container(ctx context.Context, host Host, deployment, name string) (bool, error) {
	found, err := host.ContainerInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("container %s: %w", name, err)
	}
	if found.Config == nil || found.Config.Labels[naming.Deployment] != deployment {
		return false, fmt.Errorf("container %s exists and is not of this deployment: rename or remove it, or choose another `name` in the stack file", name)
	}
	if err := host.ContainerRemove(ctx, found.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil && !errdefs.IsNotFound(err) {
		return false, fmt.Errorf("remove container %s, which an interrupted update left behind: %w", name, err)
	}
	return true, nil
}

// Network removes the networks of a deployment with this name. Containers are created after the
// networks are recorded, so a network with a container belongs to another state. That protects the
// containers of that state, too: those of this one wait for the network.
func Network(ctx context.Context, host Host, deployment, name string) (removed bool, err error) {
	all, err := host.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", "^"+name+"$"))})
	if err != nil {
		return false, fmt.Errorf("network %s: %w", name, err)
	}
	for _, n := range all {
		if n.Name != name || n.Labels[naming.Deployment] != deployment {
			continue // Docker allows two networks with the same name
		}
		on, err := host.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("network", n.ID))})
		if err != nil {
			return removed, fmt.Errorf("containers on network %s: %w", name, err)
		}
		if len(on) > 0 {
			return removed, fmt.Errorf("network %s exists with %d containers of a deployment named %q that is not in this state: "+
				"select the backend and the stack that it belongs to, or choose another `name` in the stack file", name, len(on), deployment)
		}
		if err := host.NetworkRemove(ctx, n.ID); err != nil && !errdefs.IsNotFound(err) {
			return removed, fmt.Errorf("remove network %s, which an interrupted update left behind: %w", name, err)
		}
		removed = true
	}
	return removed, nil
}
