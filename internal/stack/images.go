package stack

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/docker/docker/api/types/filters"

	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// OwnFilter selects objects with the deployment's label.
func (s *Stack) OwnFilter() filters.Args {
	return filters.NewArgs(filters.Arg("label", naming.Deployment+"="+s.Config.Name))
}

// wantedImage returns the configured name of a service's image.
func (s *Stack) wantedImage(service string) (string, error) {
	own := map[string]string{"mlflow": s.Config.Images.MLflow, "backup": s.Config.Images.Backup}
	args := image.Args{
		Deployment: s.Config.Name, Service: service, Folder: filepath.Join(s.Repository, platform.ImagesFolder),
		Base: s.Config.Images.Base, Reference: own[service],
	}
	return args.Name()
}

// EnsureImage returns the ID of a service's image, and first creates it if it does not exist as
// configured.
func (s *Stack) EnsureImage(ctx context.Context, step Step, known *State, service string) (string, error) {
	wanted, err := s.wantedImage(service)
	if err != nil {
		return "", err
	}
	if id := known.ImageID(wanted); id != "" {
		if _, err := s.Docker.API().ImageInspect(ctx, id); err == nil {
			return id, nil
		}
	}
	if _, err := s.Update(ctx, step, ImageOnly(service), true); err != nil {
		return "", err
	}
	return s.ImageID(ctx, service)
}

// ImageID returns the ID of a service's image in the state.
func (s *Stack) ImageID(ctx context.Context, service string) (string, error) {
	wanted, err := s.wantedImage(service)
	if err != nil {
		return "", err
	}
	known, err := s.ReadState(ctx)
	if err != nil {
		return "", err
	}
	if id := known.ImageID(wanted); id != "" {
		return id, nil
	}
	return "", fmt.Errorf("the state of stack %q has no image %s, which was just to be built", s.Name, wanted)
}
