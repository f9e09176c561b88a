package lifecycle

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// volumesOf is a host with volumes, by name, and the deployment of each, which may be empty.
type volumesOf map[string]string

func (h volumesOf) VolumeLabels(_ context.Context, name string) (map[string]string, bool, error) {
	deployment, exists := h[name]
	return map[string]string{naming.Deployment: deployment}, exists, nil
}

func (h volumesOf) HasDeployment(context.Context, string) (bool, error) { return len(h) > 0, nil }

// brokenHost does not respond.
type brokenHost struct{ volumesOf }

var errBroken = errors.New("broken")

func (brokenHost) VolumeLabels(context.Context, string) (map[string]string, bool, error) {
	return nil, false, errBroken
}

func recorded(name, deployment string) stack.Volume {
	v := stack.Volume{Name: name, Labels: map[string]string{}}
	if deployment != "" {
		v.Labels[naming.Deployment] = deployment
	}
	return v
}

func TestAVolumeThatIsMissingOrNotTheStacksStopsAnUpdate(t *testing.T) {
	const postgres, artifacts, other = "lab-postgres-data", "lab-mlflow-artifacts", "lab-edge-certificates"
	both := []stack.Volume{recorded(postgres, "lab"), recorded(artifacts, "lab")}
	for name, test := range map[string]struct {
		host  volumesOf
		known []stack.Volume
		want  []string
	}{
		"a new stack":                           {volumesOf{}, nil, nil},
		"all is there":                          {volumesOf{postgres: "lab", artifacts: "lab"}, both, nil},
		"one is missing":                        {volumesOf{artifacts: "lab"}, both, []string{postgres + ": it does not exist"}},
		"both are missing":                      {volumesOf{}, both, []string{postgres + ": it does not exist", artifacts + ": it does not exist"}},
		"one was made by Docker":                {volumesOf{postgres: "", artifacts: "lab"}, both, []string{postgres + ": it does not have this deployment's label"}},
		"one is of another deployment":          {volumesOf{postgres: "prod", artifacts: "lab"}, both, []string{postgres + ": it does not have this deployment's label"}},
		"accepted without a label":              {volumesOf{postgres: ""}, []stack.Volume{recorded(postgres, "")}, nil},
		"accepted, and missing since":           {volumesOf{}, []stack.Volume{recorded(postgres, "")}, []string{postgres + ": it does not exist"}},
		"certificates are missing":              {volumesOf{}, []stack.Volume{recorded(other, "lab")}, []string{other + ": it does not exist"}},
		"made by Docker, and not in the state":  {volumesOf{postgres: ""}, nil, []string{postgres + ": it does not have this deployment's label"}},
		"of the deployment, and of other state": {volumesOf{postgres: "lab"}, nil, nil}, // a later step refuses it, with its own error
	} {
		t.Run(name, func(t *testing.T) {
			found, err := compareVolumes(t.Context(), test.host, &config.Config{Name: "lab"}, test.known)
			require.NoError(t, err)
			require.Equal(t, len(test.want) == 0, found.none())
			if len(test.want) == 0 {
				return
			}
			said := found.err().Error()
			for _, want := range append(test.want, "mlflow-sso restore", hostvolume.AcceptFlag) {
				require.Contains(t, said, want)
			}
		})
	}
}

func TestAStackOfAnotherNameIsRefusedAlsoWhereVolumesAreAccepted(t *testing.T) {
	_, err := compareVolumes(t.Context(), volumesOf{"old-postgres-data": "old"}, &config.Config{Name: "new"}, []stack.Volume{recorded("old-postgres-data", "old")})
	require.ErrorIs(t, err, hostvolume.ErrRenamed)
	require.ErrorContains(t, err, "Restore the old `name`")
}

func TestAVolumeWhoseDataIsExternalNowIsNotCompared(t *testing.T) {
	settings := &config.Config{Name: "lab", Postgres: config.Postgres{External: &config.ExternalPostgres{}}, Artifacts: config.Artifacts{S3: &config.S3{}}}
	found, err := compareVolumes(t.Context(), volumesOf{}, settings, []stack.Volume{recorded("lab-postgres-data", "lab"), recorded("lab-mlflow-artifacts", "lab")})
	require.NoError(t, err)
	require.True(t, found.none())
}

func TestAnUnreachableHostIsNotAMissingVolume(t *testing.T) {
	_, err := compareVolumes(t.Context(), brokenHost{}, &config.Config{Name: "lab"}, nil)
	require.ErrorIs(t, err, errBroken)
	require.NotErrorIs(t, err, hostvolume.ErrMissing)
}
