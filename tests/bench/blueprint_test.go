//go:build bench

package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"golang.org/x/sync/errgroup"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// blueprint is all that is needed to recreate a stack's containers. It contains passwords: never
// print it.
type blueprint struct {
	deployed outputs.Stack
	// containers are by component.
	containers map[string]container.InspectResponse
	// internal reports for each network, by name, whether it has no outgoing traffic.
	internal map[string]bool
	// realm is the import document of a realm.
	realm []byte
}

// takeBlueprint reads a running stack.
func (m *machine) takeBlueprint(ctx context.Context, deployed outputs.Stack) (*blueprint, error) {
	b := &blueprint{deployed: deployed, containers: map[string]container.InspectResponse{}, internal: map[string]bool{}}
	api := m.docker.API()
	running, err := api.ContainerList(ctx, container.ListOptions{
		Filters: filters.NewArgs(filters.Arg("label", naming.Deployment+"="+deployed.Deployment)),
	})
	if err != nil {
		return nil, err
	}
	for _, c := range running {
		seen, err := api.ContainerInspect(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		b.containers[c.Labels[naming.Component]] = seen
		for name := range seen.NetworkSettings.Networks {
			one, err := api.NetworkInspect(ctx, name, network.InspectOptions{})
			if err != nil {
				return nil, err
			}
			b.internal[name] = one.Internal
		}
	}
	if len(b.containers) != 4 || len(b.internal) != 2 {
		return nil, fmt.Errorf("%s: got %d containers on %d networks, want 4 on 2", deployed.Deployment, len(b.containers), len(b.internal))
	}
	b.realm, err = takeRealm(ctx, deployed)
	return b, err
}

// rebuild creates the networks, empty volumes and the containers, concurrently, and starts none.
func (m *machine) rebuild(ctx context.Context, from *blueprint) error {
	api := m.docker.API()
	first, within := errgroup.WithContext(ctx)
	for name, internal := range from.internal {
		first.Go(func() error {
			_, err := api.NetworkCreate(within, m.renamed(from, name), network.CreateOptions{
				Driver: "bridge", Internal: internal, Labels: m.labels("network"),
			})
			return err
		})
	}
	for component, seen := range from.containers {
		for _, mounted := range seen.HostConfig.Mounts {
			first.Go(func() error {
				_, err := api.VolumeCreate(within, volume.CreateOptions{
					Name: m.renamed(from, mounted.Source), Labels: m.labels(component),
				})
				return err
			})
		}
	}
	if err := first.Wait(); err != nil {
		return err
	}
	then, within := errgroup.WithContext(ctx)
	for component := range from.containers {
		then.Go(func() error { return m.remake(within, from, component) })
	}
	return then.Wait()
}

// renamed turns "<deployment>-data" into the name of what is created without Pulumi.
func (m *machine) renamed(from *blueprint, name string) string {
	return m.baseline(strings.TrimPrefix(name, from.deployed.Deployment+"-"))
}

// remake recreates one container, with other names and labels.
func (m *machine) remake(ctx context.Context, from *blueprint, component string) error {
	seen := from.containers[component]
	config, host := *seen.Config, *seen.HostConfig
	config.Labels = m.labels(component)
	host.Mounts = slices.Clone(host.Mounts)
	for i := range host.Mounts {
		if host.Mounts[i].Type != mount.TypeVolume {
			return fmt.Errorf("%s: got a mount of type %s, want volumes alone", component, host.Mounts[i].Type)
		}
		host.Mounts[i].Source = m.renamed(from, host.Mounts[i].Source)
	}
	// An older engine joins only one network when a container is created.
	names := slices.Sorted(maps.Keys(seen.NetworkSettings.Networks))
	endpoint := &network.EndpointSettings{Aliases: []string{component}}
	host.NetworkMode = container.NetworkMode(m.renamed(from, names[0]))
	made, err := m.docker.API().ContainerCreate(ctx, &config, &host, &network.NetworkingConfig{
		EndpointsConfig: map[string]*network.EndpointSettings{m.renamed(from, names[0]): endpoint},
	}, nil, m.baseline(component))
	if err != nil {
		return fmt.Errorf("create baseline %s: %w", component, err)
	}
	for _, name := range names[1:] {
		if err := m.docker.API().NetworkConnect(ctx, m.renamed(from, name), made.ID, endpoint); err != nil {
			return fmt.Errorf("connect baseline %s: %w", component, err)
		}
	}
	return nil
}

// removeBaseline removes everything that this run has created without Pulumi.
func (m *machine) removeBaseline(ctx context.Context) error {
	api := m.docker.API()
	ours := filters.NewArgs(filters.Arg("label", labelBaseline+"="+m.run))
	var errs []error
	containers, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	errs = append(errs, err)
	for _, c := range containers {
		errs = append(errs, api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}
	networks, err := api.NetworkList(ctx, network.ListOptions{Filters: ours})
	errs = append(errs, err)
	for _, n := range networks {
		errs = append(errs, api.NetworkRemove(ctx, n.ID))
	}
	volumes, err := api.VolumeList(ctx, volume.ListOptions{Filters: ours})
	errs = append(errs, err)
	for _, v := range volumes.Volumes {
		errs = append(errs, api.VolumeRemove(ctx, v.Name, false))
	}
	return errors.Join(errs...)
}
