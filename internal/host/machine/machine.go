// Package machine prepares this machine to run stacks: it installs Docker, Pulumi with its
// plugins, and the base image, each only if it is missing.
package machine

import (
	"context"
	"errors"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/host/baseimage"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/dockerinstall"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// Machine is a machine that is ready to run stacks.
type Machine struct {
	// Root is the repository.
	Root string
	// Home contains state and tools.
	Home datadir.Home
	// Docker is nil if only the state is read.
	Docker *engine.Engine
	// Toolchain is Pulumi.
	Toolchain *toolchain.Toolchain
	// Base is the base image.
	Base string
}

// Options say what to install.
type Options struct {
	// Base is the base image, with Debian packages of Date or later; empty accepts any date.
	Base, Date string
	// Source is the source of Pulumi and its plugins.
	Source toolchain.Source
}

// Prepare installs what this machine lacks: Docker, the base image, and Pulumi with its plugins,
// from the repository at root. If nothing is missing, it writes one line. The caller closes
// Machine.Docker.
func Prepare(ctx context.Context, log *progress.Log, root string, options Options) (*Machine, error) {
	ready := &Machine{Root: root, Base: options.Base}
	return ready, log.Summary(ctx, "machine ready", func(log *progress.Log) (string, error) {
		if err := ready.install(ctx, log, options); err != nil {
			return "", err
		}
		return ready.summary(), nil
	})
}

// EnsureToolchain installs Pulumi and its plugins if they are missing, and nothing else. It
// writes one line if there is nothing to install.
func EnsureToolchain(ctx context.Context, log *progress.Log, home datadir.Home, root string, source toolchain.Source) (tools *toolchain.Toolchain, err error) {
	err = log.Summary(ctx, "Pulumi ready", func(log *progress.Log) (string, error) {
		tools, err = toolchain.Ensure(ctx, home, root, source, log)
		return "", err
	})
	return tools, err
}

// summary returns the installed versions.
func (m *Machine) summary() string {
	text := "Docker " + m.Docker.Version
	for _, part := range m.Toolchain.Parts {
		if strings.HasPrefix(part.Name, "Pulumi") {
			return text + ", Pulumi " + part.Version
		}
	}
	return text
}

func (m *Machine) install(ctx context.Context, log *progress.Log, options Options) (err error) {
	if m.Home, err = datadir.Open(); err != nil {
		return err
	}
	if m.Docker, err = dockerinstall.Ensure(ctx, m.Home, log); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Docker.Close())
		}
	}()
	// Build the image before the toolchain, which takes minutes: report early if this machine
	// cannot build it.
	if err = baseimage.Ensure(ctx, m.Docker, log, m.Base, options.Date); err != nil {
		return err
	}
	m.Toolchain, err = toolchain.Ensure(ctx, m.Home, m.Root, options.Source, log)
	return err
}
