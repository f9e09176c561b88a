package datavolumes

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

var errDown = errors.New("no daemon")

// host has volumes by name, with the deployment of each; nil does not respond.
type host map[string]string

func (h host) VolumeLabels(_ context.Context, name string) (map[string]string, bool, error) {
	if h == nil {
		return nil, false, errDown
	}
	deployment, exists := h[name]
	return map[string]string{naming.Deployment: deployment}, exists, nil
}

func (h host) HasDeployment(context.Context, string) (bool, error) { return true, nil }

func TestADataVolumeThatIsNotTheStatesIsFound(t *testing.T) {
	const postgres, artifacts = "lab-postgres-data", "lab-mlflow-artifacts"
	earlier := outputs.Stack{Deployment: "lab", Postgres: outputs.Service{Container: "lab-postgres"}}
	current, accepted, external := earlier, earlier, outputs.Stack{Deployment: "lab", Artifacts: outputs.Artifacts{URI: "s3://b"}}
	current.Volumes = []outputs.Volume{{Name: postgres, Deployment: "lab"}, {Name: artifacts, Deployment: "lab"}}
	accepted.Volumes = []outputs.Volume{{Name: postgres}}
	for name, test := range map[string]struct {
		stack outputs.Stack
		host  host
		want  []string
	}{
		"all are there":               {current, host{postgres: "lab", artifacts: "lab"}, nil},
		"made by Docker":              {current, host{postgres: "", artifacts: ""}, []string{postgres, artifacts}},
		"missing":                     {current, host{postgres: "lab"}, []string{artifacts}},
		"outputs of earlier":          {earlier, host{postgres: "", artifacts: "lab"}, []string{postgres}},
		"accepted":                    {accepted, host{postgres: ""}, nil},
		"accepted, and missing since": {accepted, host{}, []string{postgres}},
		"data at external services":   {external, host{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Find(t.Context(), test.host, test.stack)
			require.NoError(t, err)
			var names []string
			for _, d := range found {
				require.NotEmpty(t, d.Got)
				names = append(names, d.Volume)
			}
			require.Equal(t, test.want, names)
		})
	}
	_, err := Find(t.Context(), host(nil), current)
	require.ErrorIs(t, err, errDown)
}
