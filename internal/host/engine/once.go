package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// RunSpec describes a container for a single command.
type RunSpec struct {
	// Name is its name, Image the image's ID, Network its network.
	Name, Image, Network string
	// Labels identify its owner, so that a leftover can be found.
	Labels map[string]string
	// Within limits its lifetime.
	Within time.Duration
	// Mounts are its folders and volumes. Scratch is the size of /tmp in memory, in MiB; 0 means
	// 64.
	Mounts  []mount.Mount
	Scratch int
	// Env are variables, which must not be secret.
	Env []string
}

// RunOnce starts an unprivileged container, runs a command in it as Run does, and always removes
// it.
func (e *Engine) RunOnce(ctx context.Context, once RunSpec, argv []string, in io.Reader) (said []byte, err error) {
	end, err := e.StartEphemeral(ctx, once)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	return e.Run(ctx, once.Name, argv, in)
}

// StartEphemeral starts such a container for several commands; end removes it, even if ctx has
// ended. After an error there is no container.
func (e *Engine) StartEphemeral(ctx context.Context, once RunSpec) (end func() error, err error) {
	scratch := once.Scratch
	if scratch == 0 {
		scratch = 64
	}
	created, err := e.api.ContainerCreate(ctx,
		&container.Config{
			Image: once.Image, Labels: once.Labels, Env: once.Env,
			// It ends by itself if its creator was killed.
			Entrypoint: []string{"sleep", fmt.Sprint(int(once.Within.Seconds()))}, Cmd: []string{},
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		&container.HostConfig{
			NetworkMode: container.NetworkMode(once.Network), AutoRemove: true, ReadonlyRootfs: true,
			CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"},
			Tmpfs: map[string]string{"/tmp": fmt.Sprintf("size=%dm", scratch)}, Mounts: once.Mounts,
		}, nil, nil, once.Name)
	if err != nil {
		return nil, fmt.Errorf("make container %s: %w", once.Name, err)
	}
	end = func() error {
		removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		removed := e.api.ContainerRemove(removing, created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if removed != nil && !errdefs.IsNotFound(removed) && !errdefs.IsConflict(removed) {
			return fmt.Errorf("remove container %s: %w", once.Name, removed)
		}
		return nil
	}
	if err := e.api.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("start container %s: %w", once.Name, err), end())
	}
	return end, nil
}
