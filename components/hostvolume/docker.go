package hostvolume

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// answerWithin is the timeout of one request to the daemon.
const answerWithin = 10 * time.Second

// Docker is a Docker host.
type Docker struct {
	// API is the client of its daemon.
	API client.APIClient
}

// FromEnvironment returns the Docker host that Pulumi's Docker provider uses. It does not connect
// yet.
func FromEnvironment() (Docker, error) {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return Docker{}, fmt.Errorf("docker client from DOCKER_HOST, DOCKER_CERT_PATH and DOCKER_TLS_VERIFY: %w; correct or unset these variables", err)
	}
	return Docker{API: api}, nil
}

// VolumeLabels returns the labels of a volume, and whether the volume exists.
func (d Docker) VolumeLabels(ctx context.Context, name string) (map[string]string, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	found, err := d.API.VolumeInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("query the Docker daemon: %w", err)
	}
	return found.Labels, true, nil
}

// HasDeployment reports whether a volume, container or network has the deployment's label.
func (d Docker) HasDeployment(ctx context.Context, deployment string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	own := filters.NewArgs(filters.Arg("label", naming.Deployment+"="+deployment))
	volumes, err := d.API.VolumeList(ctx, volume.ListOptions{Filters: own})
	if err != nil {
		return false, fmt.Errorf("list volumes: %w", err)
	}
	networks, err := d.API.NetworkList(ctx, network.ListOptions{Filters: own})
	if err != nil {
		return false, fmt.Errorf("list networks: %w", err)
	}
	containers, err := d.API.ContainerList(ctx, container.ListOptions{All: true, Filters: own})
	if err != nil {
		return false, fmt.Errorf("list containers: %w", err)
	}
	return len(volumes.Volumes)+len(networks)+len(containers) > 0, nil
}
