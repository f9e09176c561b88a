// Package toolchain makes the Pulumi command line, its language host for Go and
// the plugins of the program ready on this machine.
//
// A Pulumi that is installed already is used. Otherwise everything is built from
// the modules under bootstrap, whose go.sum pins every byte: this needs Go and a
// Go module proxy, and no download from anybody else. What was built from the
// same sources before is not built again.
package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlflow-sso/mlflow-sso/internal/home"
	"github.com/mlflow-sso/mlflow-sso/internal/progress"
)

// Toolchain is ready to run stacks.
type Toolchain struct {
	// Root has bin/pulumi in it, and bin/pulumi-language-go beside that: it is
	// what auto.PulumiCommandOptions calls Root.
	Root string
	// Version is that of the command line, such as 3.258.0.
	Version string
	// PulumiHome is the PULUMI_HOME in which the plugins are.
	PulumiHome string
	// Parts says what it is made of.
	Parts []Part
}

// Part is one program or plugin of a toolchain.
type Part struct {
	Name    string
	Version string
	// From says where it is from: a path on this machine, or the module proxy.
	From string
}

const fromProxy = "built from the Go module proxy"

// Ensure makes the toolchain ready in the home, building from the repository at
// root what is missing. Only one process at a time does this in one home; others
// wait. An error names the part, the end of the build's output and what to do.
func Ensure(ctx context.Context, h home.Home, root string, log *progress.Log) (*Toolchain, error) {
	unlock, err := lock(ctx, filepath.Join(h.Toolchain(), "lock"), log)
	if err != nil {
		return nil, err
	}
	defer unlock()

	b := &builder{home: h, root: root, log: log}
	made := &Toolchain{Root: h.Toolchain(), PulumiHome: h.Pulumi()}
	found, err := b.programs(ctx)
	if err != nil {
		return nil, err
	}
	made.Version, made.Parts = found[0].Version, found
	for _, p := range plugins {
		if err := b.plugin(ctx, p); err != nil {
			return nil, err
		}
		made.Parts = append(made.Parts, Part{p.name, p.version, fromProxy})
	}
	return made, nil
}

// builder makes parts in one home.
type builder struct {
	home home.Home
	root string
	log  *progress.Log
}

// programs finds or builds the command line and its language host.
func (b *builder) programs(ctx context.Context) ([]Part, error) {
	own, ok := findInstalled(ctx, b.home.Bin())
	if ok {
		err := b.log.Step(ctx, pulumi.name, func(_ context.Context, s *progress.Step) error {
			s.Skip("already there: %s at %s", own.version, own.pulumi)
			return errors.Join(b.adopt(pulumi, own.pulumi), b.adopt(languageHost, own.languageHost))
		})
		if err != nil {
			return nil, err
		}
		return []Part{
			{pulumi.name, own.version, own.pulumi},
			{languageHost.name, own.version, own.languageHost},
		}, nil
	}
	var parts []Part
	for _, p := range []part{pulumi, languageHost} {
		if err := b.program(ctx, p); err != nil {
			return nil, err
		}
		parts = append(parts, Part{p.name, p.version, fromProxy})
	}
	return parts, nil
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
