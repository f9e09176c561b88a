//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/stretchr/testify/require"
)

// Manual changes of a stack.

func (w *ward) name(component string) string { return w.lab.name + "-" + component }

// inside runs a command in a container.
func (w *ward) inside(component string, command ...string) {
	w.Helper()
	got, err := w.docker.Exec(w.Context(), w.name(component), command)
	require.NoError(w, err)
	require.NoError(w, got.Err())
}

func (w *ward) sql(database, statement string) {
	w.Helper()
	w.inside("postgres", "psql", "--no-psqlrc", "--quiet", "--host=/tmp/postgresql", "--username=postgres", "--dbname="+database, "--command="+statement)
}

// sql is a fault in Postgres.
func sql(database, statement string) func(*ward) {
	return func(w *ward) { w.sql(database, statement) }
}

func stop(component string) func(*ward) {
	return func(w *ward) {
		within := 5
		require.NoError(w, w.docker.API().ContainerStop(w.Context(), w.name(component), container.StopOptions{Timeout: &within}))
	}
}

func pause(component string) func(*ward) {
	return func(w *ward) { require.NoError(w, w.docker.API().ContainerPause(w.Context(), w.name(component))) }
}

func remove(component string) func(*ward) {
	return func(w *ward) {
		require.NoError(w, w.docker.API().ContainerRemove(w.Context(), w.name(component), container.RemoveOptions{Force: true}))
	}
}

func disconnect(component, of string) func(*ward) {
	return func(w *ward) {
		require.NoError(w, w.docker.API().NetworkDisconnect(w.Context(), w.name(of), w.name(component), true))
	}
}

// remake recreates a container with a change, like a manual start. It waits until the container
// is healthy, if it can be.
func remake(component string, wait bool, change func(*container.Config)) func(*ward) {
	return func(w *ward) {
		api, ctx := w.docker.API(), w.Context()
		was, err := api.ContainerInspect(ctx, w.name(component))
		require.NoError(w, err)
		change(was.Config)
		// Docker's own address reservation for the container that had it.
		was.Config.Hostname = component
		var first string
		joined := map[string]*network.EndpointSettings{}
		for name, at := range was.NetworkSettings.Networks {
			joined[name] = &network.EndpointSettings{Aliases: []string{component}}
			if at.IPAMConfig != nil && at.IPAMConfig.IPv4Address != "" {
				joined[name].IPAMConfig = at.IPAMConfig
			}
			first = name
		}
		was.HostConfig.NetworkMode = container.NetworkMode(first)
		require.NoError(w, api.ContainerRemove(ctx, was.ID, container.RemoveOptions{Force: true}))
		made, err := api.ContainerCreate(ctx, was.Config, was.HostConfig, &network.NetworkingConfig{
			EndpointsConfig: map[string]*network.EndpointSettings{first: joined[first]},
		}, nil, w.name(component))
		require.NoError(w, err)
		for name, at := range joined {
			if name != first {
				require.NoError(w, api.NetworkConnect(ctx, name, made.ID, at))
			}
		}
		require.NoError(w, api.ContainerStart(ctx, made.ID, container.StartOptions{}))
		if wait {
			require.Eventually(w, func() bool { return ready(ctx, w.docker, made.ID) }, tillHealthy, lookEach)
		}
	}
}

// variable recreates a container with another value; empty removes the variable.
func variable(component, name, value string) func(*ward) {
	return remake(component, true, setVariable(name, value))
}

func setVariable(name, value string) func(*container.Config) {
	return func(c *container.Config) {
		c.Env = slices.DeleteFunc(c.Env, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
		if value != "" {
			c.Env = append(c.Env, name+"="+value)
		}
	}
}

// inKeycloak is a change over the admin API.
func inKeycloak(change func(ctx context.Context, api *gocloak.GoCloak, token, realm string) error) func(*ward) {
	return func(w *ward) {
		api, token := keycloakAdmin(w.T, w.deployed)
		require.NoError(w, change(w.Context(), api, token, w.deployed.Realm.Name))
	}
}

func setRealm(change func(*gocloak.RealmRepresentation)) func(*ward) {
	return inKeycloak(func(ctx context.Context, api *gocloak.GoCloak, token, realm string) error {
		was, err := api.GetRealm(ctx, token, realm)
		if err != nil {
			return err
		}
		change(was)
		return api.UpdateRealm(ctx, token, *was)
	})
}

func inClient(change func(*gocloak.Client)) func(*ward) {
	return func(w *ward) {
		client := oidcClient(w.T, w.deployed)
		change(client)
		api, token := keycloakAdmin(w.T, w.deployed)
		require.NoError(w, api.UpdateClient(w.Context(), token, w.deployed.Realm.Name, *client))
	}
}

// inMapper changes a mapper of MLflow's client, or removes it.
func inMapper(name string, change func(map[string]string)) func(*ward) {
	return func(w *ward) {
		client := oidcClient(w.T, w.deployed)
		mappers := *client.ProtocolMappers
		at := slices.IndexFunc(mappers, func(m gocloak.ProtocolMapperRepresentation) bool { return gocloak.PString(m.Name) == name })
		require.GreaterOrEqual(w, at, 0, "no mapper %s", name)
		api, token := keycloakAdmin(w.T, w.deployed)
		realm, id := w.deployed.Realm.Name, *mappers[at].ID
		if change == nil {
			require.NoError(w, api.DeleteClientProtocolMapper(w.Context(), token, realm, *client.ID, id))
			return
		}
		change(*mappers[at].Config)
		require.NoError(w, api.UpdateClientProtocolMapper(w.Context(), token, realm, *client.ID, id, mappers[at]))
	}
}

func renameGroup(from, to string) func(*ward) {
	return inKeycloak(func(ctx context.Context, api *gocloak.GoCloak, token, realm string) error {
		group, err := api.GetGroupByPath(ctx, token, realm, from)
		if err != nil {
			return err
		}
		group.Name = &to
		return api.UpdateGroup(ctx, token, realm, *group)
	})
}
