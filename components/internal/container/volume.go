package container

import (
	"fmt"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// VolumeArgs say whose a volume is and what it keeps.
type VolumeArgs struct {
	// Deployment is the prefix of the volume's name.
	Deployment string
	// Component is whose data it keeps.
	Component string
	// Data is the rest of its name.
	Data string
	// Folder is one of the Docker host that the volume shows; empty for one of
	// Docker's own. What is in it stays when the volume is removed.
	Folder string
	// Protect refuses to delete it.
	Protect bool
}

// NewVolume makes a named volume for data that outlives its container.
func NewVolume(ctx *pulumi.Context, name string, args *VolumeArgs, parent pulumi.Resource) (*docker.Volume, error) {
	labels := docker.VolumeLabelArray{}
	for _, l := range Labels(args.Deployment, args.Component) {
		labels = append(labels, docker.VolumeLabelArgs{Label: pulumi.String(l.Key), Value: pulumi.String(l.Value)})
	}
	spec := &docker.VolumeArgs{Name: pulumi.String(naming.Volume(args.Deployment, args.Data)), Labels: labels}
	if args.Folder != "" {
		spec.DriverOpts = pulumi.ToStringMap(map[string]string{"type": "none", "o": "bind", "device": args.Folder})
	}
	made, err := docker.NewVolume(ctx, name, spec, childopts.Options(parent, childopts.Protected(args.Protect)...)...)
	if err != nil {
		return nil, fmt.Errorf("volume %q: %w", name, err)
	}
	return made, nil
}
