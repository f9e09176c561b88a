package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// programs installs the command line and its language host: the machine's, else the vendor's,
// else built ones.
func (b *builder) programs(ctx context.Context) ([]Part, error) {
	if own, ok := findInstalled(ctx, b.home.Bin()); ok {
		err := b.log.Step(ctx, pulumi.name, func(_ context.Context, s *progress.Step) error {
			s.Skip("already there: %s at %s", own.version, own.pulumi)
			return errors.Join(b.adopt(pulumi, own.pulumi), b.adopt(languageHost, own.languageHost))
		})
		return []Part{
			{pulumi.name, own.version, own.pulumi},
			{languageHost.name, own.version, own.languageHost},
		}, err
	}
	if b.archive != nil && b.source != FromSource {
		ready, err := b.vendor(ctx)
		if ready || err != nil {
			return []Part{
				{pulumi.name, pulumiVersion, fromVendor},
				{languageHost.name, pulumiVersion, fromVendor},
			}, err
		}
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

// vendor installs the programs of the vendor's archive. It returns false, and does nothing, if
// they were already built here and may stay, or the archive cannot be downloaded.
func (b *builder) vendor(ctx context.Context) (ready bool, err error) {
	archive := *b.archive
	current, built := true, true
	for _, p := range []part{pulumi, languageHost} {
		into := filepath.Join(b.home.Bin(), p.program)
		current = current && archive.inputs().stale(b.recordOf(p), into) == ""
		own, err := b.inputs(ctx, p)
		if err != nil {
			return false, err
		}
		built = built && own.stale(b.recordOf(p), into) == ""
	}
	if built && b.source != FromVendor || !current && b.reachVendor(ctx).archive != nil {
		return false, nil
	}
	err = b.log.Step(ctx, "Pulumi "+pulumiVersion+" from the vendor", func(ctx context.Context, s *progress.Step) error {
		if current {
			s.Skip("already there: %s", filepath.Join(b.home.Bin(), pulumi.program))
			return nil
		}
		return b.take(ctx, s, archive)
	})
	if err != nil && ctx.Err() == nil {
		// The archive is only a faster way: programs built from the module proxy are equivalent.
		return false, b.log.Step(ctx, "the vendor's archive is of no use", func(_ context.Context, s *progress.Step) error {
			s.Say("%s; building Pulumi instead", oneLine(err))
			return nil
		})
	}
	return err == nil, err
}

// take downloads the archive and extracts its programs into bin.
func (b *builder) take(ctx context.Context, s *progress.Step, archive release) error {
	file, err := os.CreateTemp(b.home.Toolchain(), ".archive-*")
	if err != nil {
		return err
	}
	defer func() { _, _ = file.Close(), os.Remove(file.Name()) }()
	if err := archive.fetch(ctx, s, file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for _, p := range []part{pulumi, languageHost} {
		if err := forget(b.recordOf(p)); err != nil {
			return err
		}
	}
	if err := unpack(file, b.home.Bin(), pulumi.program, languageHost.program); err != nil {
		return fmt.Errorf("unpack %s: %w", archive.url, err)
	}
	for _, p := range []part{pulumi, languageHost} {
		if err := archive.inputs().write(b.recordOf(p), filepath.Join(b.home.Bin(), p.program)); err != nil {
			return err
		}
	}
	s.Say("its SHA-256 is the pinned one")
	return nil
}
