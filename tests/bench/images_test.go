//go:build bench

package bench

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// keepImages gives a stack's images a second tag, which keeps them when the stack is destroyed.
// The tag is removed at the end.
func (m *machine) keepImages(ctx context.Context, t *testing.T, deployment string) {
	running, err := m.docker.API().ContainerList(ctx, container.ListOptions{
		Filters: filters.NewArgs(filters.Arg("label", naming.Deployment+"="+deployment)),
	})
	require.NoError(t, err)
	require.Len(t, running, 4)
	for _, c := range running {
		service := c.Labels[naming.Component]
		name := "mlflow-sso-bench/" + service + ":warm"
		require.NoError(t, m.docker.API().ImageTag(ctx, c.ImageID, name))
		m.images[service] = name
		t.Cleanup(func() {
			_, err := m.docker.API().ImageRemove(context.Background(), name, image.RemoveOptions{PruneChildren: true})
			require.NoError(t, err)
		})
	}
}

// memory is the memory of each container of a stack in MiB, without the reclaimable file cache,
// like `docker stats`.
func (m *machine) memory(ctx context.Context, deployed outputs.Stack) (map[string]float64, error) {
	held := map[string]float64{}
	for _, name := range []string{deployed.Postgres.Container, deployed.Redis.Container, deployed.Keycloak.Container, deployed.MLflow.Container} {
		bytes, err := m.memoryOf(ctx, name)
		if err != nil {
			return nil, err
		}
		held[strings.TrimPrefix(name, deployed.Deployment+"-")] = float64(bytes) / (1 << 20)
	}
	return held, nil
}

func (m *machine) memoryOf(ctx context.Context, name string) (uint64, error) {
	stats, err := m.statistics(ctx, name)
	if err != nil {
		return 0, err
	}
	idle, ok := stats.MemoryStats.Stats["inactive_file"] // cgroups version 2
	if !ok {
		idle = stats.MemoryStats.Stats["total_inactive_file"]
	}
	if stats.MemoryStats.Usage == 0 || idle > stats.MemoryStats.Usage {
		return 0, errors.New("memory of " + name + ": the engine reports none; does the kernel account for memory?")
	}
	return stats.MemoryStats.Usage - idle, nil
}
