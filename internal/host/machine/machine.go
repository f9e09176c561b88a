// Package machine makes this machine ready to run stacks: Docker, Pulumi with its plugins, and
// the base image, each only as far as it is missing.
package machine

import (
	"context"
	"errors"

	"github.com/mlflow-sso/mlflow-sso/internal/host/baseimage"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/dockerinstall"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// Machine is one that is ready to run stacks.
type Machine struct {
	// Root is the repository.
	Root string
	// Home is where state and tools are.
	Home datadir.Home
	// Docker is nil on a machine of which only the state is read.
	Docker *engine.Engine
	// Toolchain is Pulumi.
	Toolchain *toolchain.Toolchain
	// Base is the image that the others start from.
	Base string
}

// Prepare makes this machine ready, from the repository at root. The base image gets Debian's
// packages of date or later; any date will do where it is empty. The caller closes
// Machine.Docker.
func Prepare(ctx context.Context, log *progress.Log, root, base, date string) (ready *Machine, err error) {
	ready = &Machine{Root: root, Base: base}
	if ready.Home, err = datadir.Open(); err != nil {
		return nil, err
	}
	if ready.Docker, err = dockerinstall.Ensure(ctx, ready.Home, log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ready.Docker.Close())
		}
	}()
	// The image is made before the toolchain since that takes minutes: a machine
	// that cannot make it should say so soon.
	if err = baseimage.Ensure(ctx, ready.Docker, log, base, date); err != nil {
		return nil, err
	}
	if ready.Toolchain, err = toolchain.Ensure(ctx, ready.Home, root, log); err != nil {
		return nil, err
	}
	return ready, nil
}
