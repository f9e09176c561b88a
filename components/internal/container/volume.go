package container

import (
	"fmt"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// VolumeArgs are a volume's owner and content.
type VolumeArgs struct {
	// Deployment is the prefix of the volume's name.
	Deployment string
	// Component is the component that owns the data.
	Component string
	// Data is the rest of its name.
	Data string
	// Folder is a folder of the Docker host to mount; empty for a volume that Docker manages. Its
	// content stays when the volume is removed.
	Folder string
	// Protect prevents its deletion.
	Protect bool
}

// neverReplaced are the properties whose change would replace a volume and delete its data. Such
// a volume stays; a container mounts it only if it belongs to the stack, see package hostvolume.
func (a *VolumeArgs) neverReplaced() []string {
	properties := []string{"name", "driver", "labels"}
	if a.Folder == "" {
		properties = append(properties, "driverOpts")
	}
	return properties
}

// NewVolume creates a named volume for data that outlives its container.
func NewVolume(ctx *pulumi.Context, name string, args *VolumeArgs, parent pulumi.Resource) (hostvolume.Volume, error) {
	labels := docker.VolumeLabelArray{}
	for _, l := range Labels(args.Deployment, args.Component) {
		labels = append(labels, docker.VolumeLabelArgs{Label: pulumi.String(l.Key), Value: pulumi.String(l.Value)})
	}
	spec := &docker.VolumeArgs{Name: pulumi.String(naming.Volume(args.Deployment, args.Data)), Labels: labels}
	if args.Folder != "" {
		spec.DriverOpts = pulumi.ToStringMap(map[string]string{"type": "none", "o": "bind", "device": args.Folder})
	}
	opts := append(childopts.Protected(args.Protect), pulumi.IgnoreChanges(args.neverReplaced()))
	made, err := docker.NewVolume(ctx, name, spec, childopts.Options(parent, opts...)...)
	if err != nil {
		return hostvolume.Volume{}, fmt.Errorf("volume %q: %w", name, err)
	}
	return hostvolume.Checked(ctx, made, args.Deployment, naming.Volume(args.Deployment, args.Data)), nil
}
