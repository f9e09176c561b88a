package hostvolume

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

type hostKey struct{}

// With returns a context in which volumes are compared with those of the host.
func With(ctx *pulumi.Context, host Host) *pulumi.Context { return ctx.WithValue(hostKey{}, host) }

// Volume is a volume in the program.
type Volume struct {
	// Name is for containers that mount the volume: it resolves after the comparison with the
	// host, and fails if they differ.
	Name pulumi.StringOutput
	// Deployment is the value of its label in the state; empty for a volume that was accepted
	// without a label.
	Deployment pulumi.StringOutput
}

// Checked compares a volume with the host's. want is its name according to the settings. A volume
// that does not exist yet has no mount point, and is not compared.
func Checked(ctx *pulumi.Context, volume *docker.Volume, deployment, want string) Volume {
	host, _ := ctx.Value(hostKey{}).(Host)
	preview := ctx.DryRun()
	name := pulumi.All(volume.Name, volume.Mountpoint, volume.Labels).ApplyTWithContext(ctx.Context(),
		func(within context.Context, values []any) (string, error) {
			name, mountpoint, labels := values[0].(string), values[1].(string), values[2].([]docker.VolumeLabel)
			if name != want {
				return "", Explain(fmt.Errorf("volume %s: %w: %s is expected", name, ErrRenamed, want))
			}
			if host == nil || mountpoint == "" {
				return name, nil
			}
			recorded := Recorded{Name: name, Deployment: deploymentOf(labels)}
			return name, Explain(check(within, host, recorded, deployment, preview))
		}).(pulumi.StringOutput)
	return Volume{Name: name, Deployment: volume.Labels.ApplyT(deploymentOf).(pulumi.StringOutput)}
}

// check is Compare. A preview may run on another machine: only a host that has the volume, or
// another object of the deployment, counts as the right one; one that does not respond does not.
// Looking for the deployment takes three lists, so it happens only if the volume does not exist.
func check(ctx context.Context, host Host, recorded Recorded, deployment string, preview bool) error {
	if !preview {
		return Compare(ctx, host, recorded)
	}
	labels, exists, err := host.VolumeLabels(ctx, recorded.Name)
	if err != nil {
		return nil //nolint:nilerr // a preview needs no Docker host
	}
	if !exists {
		if has, err := host.HasDeployment(ctx, deployment); err != nil || !has {
			return nil //nolint:nilerr // as above
		}
	}
	return recorded.compare(labels, exists)
}

func deploymentOf(labels []docker.VolumeLabel) string {
	for _, l := range labels {
		if l.Label == naming.Deployment {
			return l.Value
		}
	}
	return ""
}
