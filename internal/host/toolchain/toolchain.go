// Package toolchain installs the Pulumi command line, its language host for Go and the program's
// plugins.
//
// An installed Pulumi is used. Otherwise the vendor's archive is downloaded and used if its
// checksum is the pinned one. Pulumi downloads plugins from the vendor. If the vendor is
// unreachable or disabled, the modules under bootstrap are built, whose go.sum pins every byte;
// this needs Go and a Go module proxy. Installed parts are reused, and a record next to each
// contains its source.
package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// Toolchain is an installed toolchain.
type Toolchain struct {
	// Root contains bin/pulumi and bin/pulumi-language-go: it is the Root of
	// auto.PulumiCommandOptions.
	Root string
	// Version is the version of the command line, such as 3.258.0.
	Version string
	// PulumiHome is the PULUMI_HOME with the plugins.
	PulumiHome string
	// Environment is what Pulumi needs in addition to the caller's variables.
	Environment map[string]string
	// Parts describes its programs and plugins.
	Parts []Part
}

// Part is one program or plugin of a toolchain.
type Part struct {
	Name    string
	Version string
	// From is its source: a path on this machine, the vendor or the module proxy.
	From string
}

const (
	fromProxy  = "built from the Go module proxy"
	fromVendor = "the vendor's archive"
)

// Ensure installs the toolchain in the home; FromSource builds it from the repository at root.
// Only one process at a time does this in one home; others wait. An error names the part, the end
// of the build's output and the next step.
func Ensure(ctx context.Context, h datadir.Home, root string, source Source, log *progress.Log) (*Toolchain, error) {
	source, err := source.orEnvironment()
	if err != nil {
		return nil, err
	}
	sums, err := parseChecksums(checksumTable)
	if err != nil {
		return nil, fmt.Errorf("plugin_checksums.txt: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(h.Toolchain(), "lock"), log)
	if err != nil {
		return nil, err
	}
	defer unlock()

	b := &builder{home: h, root: root, log: log, source: source, archive: published(), checksums: sums}
	made := Installed(h)
	found, err := b.programs(ctx)
	if err != nil {
		return nil, err
	}
	made.Version, made.Parts = found[0].Version, found
	for _, p := range plugins {
		plugin, err := b.plugin(ctx, p)
		if err != nil {
			return nil, err
		}
		made.Parts = append(made.Parts, plugin)
	}
	return made, nil
}

// Installed returns the toolchain in the home as Ensure has left it: it checks and builds
// nothing.
func Installed(h datadir.Home) *Toolchain {
	return &Toolchain{Root: h.Toolchain(), PulumiHome: h.Pulumi(), Environment: additions(os.Environ(), h.Toolchain(), h.Pulumi())}
}
