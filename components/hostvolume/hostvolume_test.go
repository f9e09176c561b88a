package hostvolume

import (
	"context"
	"errors"
	"testing"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

var errDown = errors.New("no daemon")

// fakeHost has at most one volume.
type fakeHost struct {
	exists, has, down bool
	deployment        string
}

func (h fakeHost) VolumeLabels(context.Context, string) (map[string]string, bool, error) {
	if h.down {
		return nil, false, errDown
	}
	return map[string]string{naming.Deployment: h.deployment}, h.exists, nil
}

func (h fakeHost) HasDeployment(context.Context, string) (bool, error) {
	if h.down {
		return false, errDown
	}
	return h.has, nil
}

func TestAVolumeIsTheOneOfTheStateByNameAndLabel(t *testing.T) {
	ours, accepted := Recorded{Name: "lab-data", Deployment: "lab"}, Recorded{Name: "lab-data"}
	for name, test := range map[string]struct {
		host          fakeHost
		recorded      Recorded
		update, plans error
	}{
		"ours":                           {fakeHost{exists: true, has: true, deployment: "lab"}, ours, nil, nil},
		"made by Docker":                 {fakeHost{exists: true}, ours, ErrUnmanaged, ErrUnmanaged},
		"accepted":                       {fakeHost{exists: true}, accepted, nil, nil},
		"missing":                        {fakeHost{has: true}, ours, ErrMissing, ErrMissing},
		"missing, accepted before":       {fakeHost{has: true}, accepted, ErrMissing, ErrMissing},
		"a host that has nothing of it":  {fakeHost{}, ours, ErrMissing, nil},
		"a host that does not answer":    {fakeHost{down: true}, ours, errDown, nil},
		"of a deployment of other state": {fakeHost{exists: true, deployment: "prod"}, ours, ErrUnmanaged, ErrUnmanaged},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, check(t.Context(), test.host, test.recorded, "lab", false), test.update)
			require.ErrorIs(t, check(t.Context(), test.host, test.recorded, "lab", true), test.plans)
		})
	}
}

// countedHost counts its calls.
type countedHost struct {
	fakeHost
	volumes, deployments int
}

func (h *countedHost) VolumeLabels(ctx context.Context, name string) (map[string]string, bool, error) {
	h.volumes++
	return h.fakeHost.VolumeLabels(ctx, name)
}

func (h *countedHost) HasDeployment(ctx context.Context, deployment string) (bool, error) {
	h.deployments++
	return h.fakeHost.HasDeployment(ctx, deployment)
}

func TestAVolumeIsReadOnceAndTheDeploymentOnlyInAPreviewThatMissesIt(t *testing.T) {
	for name, test := range map[string]struct {
		host        fakeHost
		preview     bool
		deployments int
	}{
		"a preview":                    {fakeHost{exists: true, has: true, deployment: "lab"}, true, 0},
		"a preview, the volume is not": {fakeHost{has: true}, true, 1},
		"a preview, another machine":   {fakeHost{}, true, 1},
		"an update":                    {fakeHost{has: true}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			host := &countedHost{fakeHost: test.host}
			_ = check(t.Context(), host, Recorded{Name: "lab-data", Deployment: "lab"}, "lab", test.preview)
			require.Equal(t, 1, host.volumes)
			require.Equal(t, test.deployments, host.deployments)
		})
	}
}

func TestEveryDifferenceHasANextStep(t *testing.T) {
	for _, err := range []error{ErrMissing, ErrUnmanaged} {
		said := Explain(err)
		require.ErrorIs(t, said, err)
		require.ErrorContains(t, said, "mlflow-sso restore")
		require.ErrorContains(t, said, AcceptFlag)
	}
	require.ErrorContains(t, Explain(ErrRenamed), "Restore the old `name`")
	require.Equal(t, errDown, Explain(errDown))
	require.NoError(t, Explain(nil))
}

func TestTheDeploymentIsReadFromTheLabels(t *testing.T) {
	require.Equal(t, "lab", deploymentOf([]docker.VolumeLabel{{Label: "x", Value: "y"}, {Label: naming.Deployment, Value: "lab"}}))
	require.Empty(t, deploymentOf(nil))
}
