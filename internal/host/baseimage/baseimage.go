// Package baseimage assembles the base image of the other images with debootstrap from a Debian
// mirror, so that no container registry is needed.
//
// The image also trusts the authorities that this machine trusts in addition to Debian's (the
// .crt files under /usr/local/share/ca-certificates), because builds on it use the same network.
// A label holds a hash of the inputs: the image is recreated only when they change, or when its
// Debian packages must be newer (setting images.date). Another label holds the date of its
// creation; every image that is built on it inherits the label.
package baseimage

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/containerd/errdefs"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/apt"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	// Reference is the image that this package creates, and the default of the setting
	// images.base.
	Reference = "mlflow-sso/base:trixie"
	// Label holds the hash of the image's inputs.
	Label = "mlflow-sso.base"
)

// Ensure provides the image. Any reference other than Reference is the operator's choice: Ensure
// looks for it and never creates it. Creating the image needs root and Debian's debootstrap,
// which Ensure installs if it is missing.
//
// Date is the minimum date of its Debian packages, as 2006-01-02; empty accepts any.
func Ensure(ctx context.Context, docker *engine.Engine, log *progress.Log, reference, date string) error {
	return log.Step(ctx, "base image "+reference, func(ctx context.Context, s *progress.Step) error {
		if reference != Reference {
			return chosen(ctx, s, docker, reference)
		}
		return ensure(ctx, s, docker, reference, date)
	})
}

// chosen inspects an image that this package does not create.
func chosen(ctx context.Context, s *progress.Step, docker *engine.Engine, reference string) error {
	_, err := docker.API().ImageInspect(ctx, reference)
	switch {
	case errdefs.IsNotFound(err):
		s.Skip("not built here, because images.base names it; Docker will pull it")
	case err != nil:
		return fmt.Errorf("inspect it: %w", err)
	default:
		s.Skip("already present, and never built here because images.base names it")
	}
	return nil
}

func ensure(ctx context.Context, s *progress.Step, docker *engine.Engine, reference, date string) error {
	from, err := readInputs(authorities)
	if err != nil {
		return err
	}
	switch found, err := docker.API().ImageInspect(ctx, reference); {
	case errdefs.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("inspect it: %w", err)
	case found.Config != nil && found.Config.Labels[Label] == from.hash() && found.Config.Labels[naming.Debian] >= date:
		s.Skip("already there: Debian %s of %s", suite, found.Config.Labels[naming.Debian])
		return nil
	}
	if _, err := apt.Find("debootstrap"); err != nil {
		s.Say("installing debootstrap")
		if err := apt.Install(ctx, s.Writer(), "debootstrap", "debian-archive-keyring"); err != nil {
			return fmt.Errorf("debootstrap is missing: %w; or set images.base to an image that Docker can pull", err)
		}
	}
	if user := os.Geteuid(); user != 0 {
		return fmt.Errorf("debootstrap needs root and this is user %d; run this as root, or set images.base to an image that Docker can pull", user)
	}
	// Not /tmp, which may be in memory or not allow device files.
	dir, err := os.MkdirTemp("/var/tmp", "mlflow-sso-base-")
	if err != nil {
		return fmt.Errorf("directory for the system: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := assemble(ctx, s, dir, from); err != nil {
		return err
	}
	s.Say("importing")
	if err := load(ctx, docker, dir, reference, from.hash()); err != nil {
		return err
	}
	s.Say("Debian %s from %s, %s", suite, apt.Mirror(), time.Now().UTC().Format(time.DateOnly))
	return nil
}
