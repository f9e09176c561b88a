package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// builder makes parts in one home.
type builder struct {
	home datadir.Home
	root string
	log  *progress.Log
}

// adopt puts a program that is on the machine where Toolchain.Root promises it.
func (b *builder) adopt(p part, installed string) error {
	link := filepath.Join(b.home.Bin(), p.program)
	if points, err := os.Readlink(link); err == nil && points == installed {
		return nil
	}
	draft := link + ".new"
	_ = os.Remove(draft)
	if err := os.Symlink(installed, draft); err != nil {
		return fmt.Errorf("link to %s: %w", installed, err)
	}
	return errors.Join(os.Rename(draft, link), forget(b.recordOf(p)))
}

// program builds a program into bin.
func (b *builder) program(ctx context.Context, p part) error {
	into := filepath.Join(b.home.Bin(), p.program)
	return b.make(ctx, p, into, func(_ context.Context, _ *progress.Step, built string) error {
		return os.Rename(built, into)
	})
}

// plugin builds a plugin and has Pulumi install it.
func (b *builder) plugin(ctx context.Context, p part) error {
	into := filepath.Join(b.home.Pulumi(), "plugins", "resource-"+p.plugin+"-v"+p.version, "pulumi-resource-"+p.plugin)
	return b.make(ctx, p, into, func(ctx context.Context, s *progress.Step, built string) error {
		s.Say("installing")
		defer func() { _ = os.Remove(built) }()
		install := b.command(ctx, b.home.Toolchain(), filepath.Join(b.home.Bin(), "pulumi"),
			"plugin", "install", "resource", p.plugin, p.version, "--file", built, "--reinstall")
		install.Stdout, install.Stderr = s.Writer(), s.Writer()
		if err := install.Run(); err != nil {
			return fmt.Errorf("pulumi plugin install: %w", err)
		}
		return nil
	})
}

// make builds a part and puts it in its place, unless what is there was built
// from the same inputs.
func (b *builder) make(ctx context.Context, p part, into string, place func(context.Context, *progress.Step, string) error) error {
	return b.log.Step(ctx, p.name+" "+p.version, func(ctx context.Context, s *progress.Step) error {
		wanted, err := b.inputs(ctx, p)
		if err != nil {
			return err
		}
		reason := wanted.stale(b.recordOf(p), into)
		if reason == "" {
			s.Skip("already there: %s", into)
			return nil
		}
		s.Say("building, since %s", reason)
		built, err := b.build(ctx, s, p)
		if err != nil {
			return err
		}
		// From here on until the record is written, what is there is in doubt.
		if err := forget(b.recordOf(p)); err != nil {
			return err
		}
		if err := place(ctx, s, built); err != nil {
			return err
		}
		s.Say("%s", fromProxy)
		return wanted.write(b.recordOf(p), into)
	})
}

func (b *builder) recordOf(p part) string {
	return filepath.Join(b.home.Toolchain(), "built", filepath.Base(p.source)+".json")
}
