package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// Once is a container that is there for one command.
type Once struct {
	// Name is its name, Image the image's ID, Network the one that it joins.
	Name, Image, Network string
	// Labels say whose it is, so that one that was left behind is found.
	Labels map[string]string
	// Within is how long it may live.
	Within time.Duration
}

// Once starts a container without privileges, runs a command in it as Exec does,
// and removes it, whatever happened.
func (e *Engine) Once(ctx context.Context, once Once, cmd []string, options ...ExecOption) (result Result, err error) {
	created, err := e.api.ContainerCreate(ctx,
		&container.Config{
			Image: once.Image, Labels: once.Labels,
			// It ends by itself where nobody is left to remove it.
			Entrypoint: []string{"sleep", fmt.Sprint(int(once.Within.Seconds()))}, Cmd: []string{},
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		&container.HostConfig{
			NetworkMode: container.NetworkMode(once.Network), AutoRemove: true, ReadonlyRootfs: true,
			CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"},
			Tmpfs: map[string]string{"/tmp": "size=64m"},
		}, nil, nil, once.Name)
	if err != nil {
		return Result{}, fmt.Errorf("make container %s: %w", once.Name, err)
	}
	defer func() {
		removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		removed := e.api.ContainerRemove(removing, created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if removed != nil && !errdefs.IsNotFound(removed) && !errdefs.IsConflict(removed) {
			err = errors.Join(err, fmt.Errorf("remove container %s: %w", once.Name, removed))
		}
	}()
	if err := e.api.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		return Result{}, fmt.Errorf("start container %s: %w", once.Name, err)
	}
	return e.Exec(ctx, once.Name, cmd, options...)
}
