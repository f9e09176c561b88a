//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// guest is a container on one network, which the test removes at its end. It ends by itself if it
// is not removed.
func guest(t *testing.T, docker *engine.Engine, image, network string, entrypoint ...string) string {
	t.Helper()
	if len(entrypoint) == 0 {
		entrypoint = []string{"sleep", "600"}
	}
	created, err := docker.API().ContainerCreate(t.Context(),
		&container.Config{Image: image, Entrypoint: entrypoint},
		&container.HostConfig{NetworkMode: container.NetworkMode(network)}, nil, nil, fmt.Sprintf("e2e-guest-%d", time.Now().UnixNano()))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, docker.API().ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	})
	require.NoError(t, docker.API().ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	return created.ID
}

// reaches reports whether a guest can open a connection.
func reaches(t *testing.T, docker *engine.Engine, guest, host string, port int) bool {
	t.Helper()
	got, err := docker.Exec(t.Context(), guest, []string{"timeout", "5", "bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s/%d", host, port)})
	require.NoError(t, err)
	return got.ExitCode == 0
}

func TestOnlyContainersOnTheDataNetworkReachDatabases(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		docker := openEngine(t)
		name := at.deployed.Deployment
		onData := guest(t, docker, baseImage(), name+"-data")
		onEdge := guest(t, docker, baseImage(), name+"-edge")
		otherNetwork := guest(t, docker, baseImage(), "bridge")
		for service, port := range map[string]int{"postgres": 5432, "redis": 6379} {
			seen, err := docker.API().ContainerInspect(t.Context(), name+"-"+service)
			require.NoError(t, err)
			require.Len(t, seen.NetworkSettings.Networks, 1, "%s is on the data network alone", service)
			address := seen.NetworkSettings.Networks[name+"-data"].IPAddress
			require.NotEmpty(t, address)

			// The control: it is reachable by name and by address.
			require.True(t, reaches(t, docker, onData, service, port), service)
			require.True(t, reaches(t, docker, onData, address, port), service)

			require.False(t, reaches(t, docker, onEdge, service, port), "%s by its name from the edge network", service)
			require.False(t, reaches(t, docker, onEdge, address, port), "%s by its address from the edge network", service)
			require.False(t, reaches(t, docker, otherNetwork, address, port), "%s by its address from another network", service)
		}
		// These guests reach what is theirs to reach.
		require.True(t, reaches(t, docker, onEdge, "mlflow", 5000))
		require.True(t, reaches(t, docker, onEdge, "keycloak", 8080))
	})
}

// published are the ports of this host on which a deployment listens: container and address.
func published(t *testing.T, docker *engine.Engine, deployment string) map[string][]string {
	t.Helper()
	ours := filters.NewArgs(filters.Arg("label", naming.Deployment+"="+deployment))
	found, err := docker.API().ContainerList(t.Context(), container.ListOptions{Filters: ours})
	require.NoError(t, err)
	require.NotEmpty(t, found)
	at := map[string][]string{}
	for _, c := range found {
		for _, port := range c.Ports {
			if port.PublicPort != 0 {
				name := strings.TrimPrefix(c.Names[0], "/")
				at[name] = append(at[name], fmt.Sprintf("%s:%d", port.IP, port.PublicPort))
			}
		}
	}
	return at
}

func TestAPublicStackPublishesOnlyTheEdgeAndTheConsoleOnLoopback(t *testing.T) {
	at := prodSite(t)
	docker := openEngine(t)
	console, err := url.Parse(at.deployed.Keycloak.AdminURL)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", console.Hostname())

	got := published(t, docker, at.deployed.Deployment)

	require.Len(t, got, 1, "%v", got)
	ports := got[at.deployed.Edge.Container]
	require.Len(t, ports, 3, "%v", ports)
	require.Contains(t, ports, at.deployed.Edge.HTTPS)
	require.Contains(t, ports, console.Host)
	// The control: without an edge there are two.
	require.Len(t, published(t, docker, runningStack(t).Deployment), 2)
}
