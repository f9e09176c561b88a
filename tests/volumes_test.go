package tests

import (
	"context"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/platform"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// host has every volume but one, each with a label.
type host struct{ missing, deployment string }

func (h host) VolumeLabels(_ context.Context, name string) (map[string]string, bool, error) {
	return map[string]string{"mlflow-sso.deployment": h.deployment}, name != h.missing, nil
}

func (h host) HasDeployment(context.Context, string) (bool, error) { return true, nil }

// onHost runs the program of a stack on a Docker host; renamed is the name of Postgres's volume
// in the state, if it differs.
func onHost(t *testing.T, stack string, h hostvolume.Host, renamed string) (*pulumimock.Recording, error) {
	t.Helper()
	c := settings(t, stack)
	t.Chdir("testdata")
	inState := pulumimock.Compute(volumeType, func(name string, _ resource.PropertyMap) resource.PropertyMap {
		outputs := resource.PropertyMap{"mountpoint": resource.NewProperty("/var/lib/docker/volumes/x/_data")}
		if name == "postgres-data" && renamed != "" {
			outputs["name"] = resource.NewProperty(renamed)
		}
		return outputs
	})
	return pulumimock.Run(t, func(ctx *pulumi.Context) error {
		_, err := platform.New(hostvolume.With(ctx, h), "platform", &platform.Args{Config: c, Images: platform.ImagesFolder})
		return err
	}, append(providers(), inState)...)
}

func TestNoContainerIsCreatedOverAnUnmanagedVolume(t *testing.T) {
	for _, stack := range []string{"dev", "prod"} {
		name := settings(t, stack).Name
		t.Run(stack, func(t *testing.T) {
			_, err := onHost(t, stack, host{deployment: name}, "")
			require.NoError(t, err, "control: all volumes are there")
		})
		for what, test := range map[string]struct {
			host    host
			renamed string
			want    error
			says    string
		}{
			"missing":         {host{name + "-postgres-data", name}, "", hostvolume.ErrMissing, hostvolume.AcceptFlag},
			"made by Docker":  {host{"", ""}, "", hostvolume.ErrUnmanaged, hostvolume.AcceptFlag},
			"of another name": {host{"", name}, "former-postgres-data", hostvolume.ErrRenamed, "Restore the old `name`"},
		} {
			t.Run(stack+", "+what, func(t *testing.T) {
				r, err := onHost(t, stack, test.host, test.renamed)
				require.ErrorIs(t, err, test.want)
				require.ErrorContains(t, err, test.says)
				for _, made := range r.OfType(t, containerType) {
					require.NotEqual(t, "postgres-container", made.Name)
				}
			})
		}
	}
}

// Docker cannot change a volume, so Pulumi would delete it with all its data.
func TestNoDifferenceReplacesAVolume(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, made := range r.OfType(t, volumeType) {
			require.Equal(t, []string{"driver", "driverOpts", "labels", "name"}, made.IgnoreChanges, "of %s", made.Key())
		}
	})
}
