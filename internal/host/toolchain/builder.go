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

// builder installs parts in one home.
type builder struct {
	home   datadir.Home
	root   string
	log    *progress.Log
	source Source
	// archive is the vendor's archive of the command line; nil if none is pinned for this system.
	archive *release
	// checksums are those of the vendor's plugins.
	checksums checksums
	// server is the download server for plugins; empty for Pulumi's default.
	server string
	// reached is nil until the vendor was probed.
	reached *reach
	// announced says that a person knows about the minutes that this takes.
	announced bool
}

// announce says, before the first part is compiled, how long that takes and how to do without.
func (b *builder) announce() {
	if b.announced {
		return
	}
	b.announced = true
	b.log.Note(fmt.Sprintf("compiling Pulumi and its plugins, which takes up to ten minutes, once for %s. To do without, press Ctrl-C and set %s "+
		"to a data directory that has them (docs/how-to/manage-state.md), or install Pulumi %d.%d or later on PATH, which saves most of it",
		b.home.Dir(), datadir.Variable, oldestMajor, oldestMinor))
}

// adopt links an installed program at its path below Toolchain.Root.
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

// plugin installs a plugin and returns its source.
func (b *builder) plugin(ctx context.Context, p part) (Part, error) {
	into := filepath.Join(b.home.Pulumi(), "plugins", "resource-"+p.plugin+"-v"+p.version, "pulumi-resource-"+p.plugin)
	made := Part{Name: p.name, Version: p.version, From: fromProxy}
	err := b.log.Step(ctx, p.name+" "+p.version, func(ctx context.Context, s *progress.Step) error {
		wanted, err := b.inputs(ctx, p)
		if err != nil {
			return err
		}
		built := wanted.stale(b.recordOf(p), into) == ""
		vendors := b.vendorInputs(p).stale(b.recordOf(p), into) == ""
		if vendors && b.source != FromSource {
			made.From = b.fromVendor(p)
		}
		if built && b.source != FromVendor || vendors && b.source != FromSource {
			s.Skip("already there: %s", into)
			return nil
		}
		since := ""
		if b.source != FromSource {
			refused := b.download(ctx, s, p, into)
			if refused == nil {
				made.From = b.fromVendor(p)
				s.Say("%s", made.From)
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			since = ", not the vendor's: " + oneLine(refused)
		}
		return b.makeWith(ctx, s, p, into, since, b.installBuilt(p, into))
	})
	return made, err
}

// installBuilt makes Pulumi install a plugin that was built.
func (b *builder) installBuilt(p part, into string) placing {
	return func(ctx context.Context, s *progress.Step, built string) error {
		s.Say("installing")
		defer func() { _ = os.Remove(built) }()
		if err := b.pluginInstall(ctx, s, p, "--file", built).Run(); err != nil {
			return fmt.Errorf("pulumi plugin install: %w", err)
		}
		return checkVersion(ctx, p, into)
	}
}

// placing moves a built file into place.
type placing func(ctx context.Context, s *progress.Step, built string) error

// make builds a part and installs it, unless the installed one has the same inputs.
func (b *builder) make(ctx context.Context, p part, into string, place placing) error {
	return b.log.Step(ctx, p.name+" "+p.version, func(ctx context.Context, s *progress.Step) error {
		return b.makeWith(ctx, s, p, into, "", place)
	})
}

// makeWith is make within a step, with a remark in its result.
func (b *builder) makeWith(ctx context.Context, s *progress.Step, p part, into, remark string, place placing) error {
	wanted, err := b.inputs(ctx, p)
	if err != nil {
		return err
	}
	reason := wanted.stale(b.recordOf(p), into)
	if reason == "" && remark != "" {
		s.Say("already there, %s%s", fromProxy, remark)
		return nil
	}
	if reason == "" {
		s.Skip("already there: %s", into)
		return nil
	}
	b.announce()
	s.Say("building, since %s%s", reason, remark)
	built, err := b.build(ctx, s, p)
	if err != nil {
		return err
	}
	// From here on until the record is written, the installed file is unverified.
	if err := forget(b.recordOf(p)); err != nil {
		return err
	}
	if err := place(ctx, s, built); err != nil {
		return err
	}
	s.Say("%s%s", fromProxy, remark)
	return wanted.write(b.recordOf(p), into)
}

func (b *builder) recordOf(p part) string {
	return filepath.Join(b.home.Toolchain(), "built", filepath.Base(p.source)+".json")
}
