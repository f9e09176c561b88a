package leftovers_test

import (
	"context"
	"errors"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/leftovers"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

const (
	deployment = "mlflow-sso-dev"
	redis      = deployment + "-redis"
	edge       = deployment + "-edge"
)

var errDaemon = errors.New("the daemon is tired")

// host has at most one container, and some networks.
type host struct {
	container *container.InspectResponse
	networks  []network.Summary
	on        map[string][]container.Summary
	fails     error
	removed   []string
}

func (h *host) ContainerInspect(_ context.Context, name string) (container.InspectResponse, error) {
	switch {
	case h.fails != nil:
		return container.InspectResponse{}, h.fails
	case h.container == nil || name != redis:
		return container.InspectResponse{}, errdefs.ErrNotFound
	}
	return *h.container, nil
}

func (h *host) ContainerList(_ context.Context, options container.ListOptions) ([]container.Summary, error) {
	if !options.All {
		return nil, nil // none of them is running
	}
	return h.on[options.Filters.Get("network")[0]], h.fails
}

func (h *host) ContainerRemove(_ context.Context, id string, options container.RemoveOptions) error {
	if !options.Force {
		return errors.New("it runs")
	}
	h.removed = append(h.removed, id)
	return nil
}

func (h *host) NetworkList(context.Context, network.ListOptions) ([]network.Summary, error) {
	return h.networks, h.fails
}

func (h *host) NetworkRemove(_ context.Context, id string) error {
	h.removed = append(h.removed, id)
	return nil
}

func leftContainer(of string) *container.InspectResponse {
	return &container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{ID: "c1"},
		Config:            &container.Config{Labels: map[string]string{naming.Deployment: of}},
	}
}

func leftNetwork(id, name, of string) network.Summary {
	return network.Summary{ID: id, Name: name, Labels: map[string]string{naming.Deployment: of}}
}

func TestAContainerThatAnInterruptedUpdateLeftIsRemovedAndNoOther(t *testing.T) {
	t.Parallel()
	h := &host{container: leftContainer(deployment)}
	removed, err := leftovers.Container(t.Context(), h, deployment, redis)
	require.NoError(t, err)
	require.True(t, removed)
	require.Equal(t, []string{"c1"}, h.removed)

	h = &host{}
	removed, err = leftovers.Container(t.Context(), h, deployment, redis)
	require.NoError(t, err)
	require.False(t, removed)

	for _, of := range []string{"", "another"} {
		h = &host{container: leftContainer(of)}
		_, err = leftovers.Container(t.Context(), h, deployment, redis)
		require.ErrorContains(t, err, "is not of this deployment")
		require.Empty(t, h.removed)
	}

	_, err = leftovers.Container(t.Context(), &host{fails: errDaemon}, deployment, redis)
	require.ErrorIs(t, err, errDaemon)
}

func TestANetworkIsRemovedOnlyWhereNoContainerNotEvenAStoppedOneIsOnIt(t *testing.T) {
	t.Parallel()
	all := []network.Summary{
		leftNetwork("n1", edge, deployment), leftNetwork("n2", edge, deployment),
		leftNetwork("n3", edge, ""), leftNetwork("n4", edge+"-2", deployment),
	}
	h := &host{networks: all}
	removed, err := leftovers.Network(t.Context(), h, deployment, edge)
	require.NoError(t, err)
	require.True(t, removed)
	require.Equal(t, []string{"n1", "n2"}, h.removed)

	h = &host{networks: all[:1], on: map[string][]container.Summary{"n1": {{ID: "of another state"}}}}
	removed, err = leftovers.Network(t.Context(), h, deployment, edge)
	require.ErrorContains(t, err, "1 containers of a deployment named \"mlflow-sso-dev\" that is not in this state")
	require.False(t, removed)
	require.Empty(t, h.removed)

	h = &host{networks: all[2:]}
	removed, err = leftovers.Network(t.Context(), h, deployment, edge)
	require.NoError(t, err)
	require.False(t, removed)

	_, err = leftovers.Network(t.Context(), &host{fails: errDaemon}, deployment, edge)
	require.ErrorIs(t, err, errDaemon)
}
