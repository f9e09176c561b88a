// Package image provides the image of a service: built from its directory in images/, or
// pulled from a registry.
//
// A built image is named after a hash of all its inputs, so that an edited Dockerfile
// shows in a preview as a new image and a new container.
package image

import (
	"fmt"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:image:Image"

// Args are the source of the image.
type Args struct {
	// Deployment is the prefix of a built image's name.
	Deployment string
	// Service is the name of the image and of its folder in Folder.
	Service string
	// Folder contains a folder per service. It is read when the component is created.
	Folder string
	// Base is the base image of a built image.
	Base string
	// Date is the minimum date of the Debian packages in a built image, as 2006-01-02; empty for
	// no minimum.
	Date string
	// Reference is a registry image to use instead of a built one; empty builds.
	Reference string
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Deployment != "", `Deployment is "", want a name`)
	m.Require(a.Service != "", `Service is "", want a name`)
	m.Require(a.Reference != "" || a.Folder != "" && a.Base != "", "Folder is %q and Base %q, want both to build, or a Reference", a.Folder, a.Base)
	return m.Err()
}

// Image is the image of a service.
type Image struct {
	pulumi.ResourceState

	// ID is the image ID on the Docker host, which changes with the content.
	ID pulumi.StringOutput
}

// New builds or pulls the image. If args are invalid or the folder cannot be read, nothing is
// registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Image, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("image %q: %w", name, err)
	}
	remote, err := args.remoteImage()
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", name, err)
	}
	i := &Image{}
	if err := ctx.RegisterComponentResource(TypeToken, name, i, opts...); err != nil {
		return nil, fmt.Errorf("image %q: %w", name, err)
	}
	made, err := docker.NewRemoteImage(ctx, name+"-image", remote, childopts.Options(i)...)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", name, err)
	}
	i.ID = made.ImageId
	if err := ctx.RegisterResourceOutputs(i, pulumi.Map{"id": i.ID}); err != nil {
		return nil, fmt.Errorf("image %q: %w", name, err)
	}
	return i, nil
}

// Name is the image's name in Docker.
func (a *Args) Name() (string, error) {
	if a.Reference != "" {
		return a.Reference, nil
	}
	digest, err := Hash(a.Folder+"/"+a.Service, a.Base, a.Date)
	if err != nil {
		return "", err
	}
	return a.named(digest), nil
}

func (a *Args) named(digest string) string { return a.Deployment + "/" + a.Service + ":" + digest[:12] }

func (a *Args) remoteImage() (*docker.RemoteImageArgs, error) {
	if a.Reference != "" {
		// Keep images with other names: they are not this stack's.
		return &docker.RemoteImageArgs{Name: pulumi.String(a.Reference), KeepLocally: pulumi.Bool(true)}, nil
	}
	context := a.Folder + "/" + a.Service
	digest, err := Hash(context, a.Base, a.Date)
	if err != nil {
		return nil, err
	}
	return &docker.RemoteImageArgs{
		Name: pulumi.String(a.named(digest)),
		Build: &docker.RemoteImageBuildArgs{
			Context:   pulumi.String(context),
			BuildArgs: pulumi.ToStringMap(a.buildArgs()),
			// The host's own network, so that package registries are reachable as from the host.
			NetworkMode: pulumi.String("host"),
			// Remove intermediate layers of a failed build.
			Remove: pulumi.Bool(true), ForceRemove: pulumi.Bool(true),
		},
		Triggers: pulumi.ToStringMap(map[string]string{"context": digest}),
	}, nil
}

func (a *Args) buildArgs() map[string]string {
	all := map[string]string{"BASE": a.Base}
	if a.Date != "" {
		all["DATE"] = a.Date
	}
	return all
}
