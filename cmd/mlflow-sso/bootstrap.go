package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/baseimage"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/dockerinstall"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// machine is a prepared machine.
type machine struct {
	root      string // the working copy
	home      datadir.Home
	docker    *engine.Engine
	toolchain *toolchain.Toolchain
	base      string // the base image
}

// prepare installs what this machine lacks: Docker, the base image, and Pulumi with its
// plugins, from the working copy at root. For a machine that lacks nothing it writes one
// line. The caller closes machine.docker.
func prepare(ctx context.Context, log *progress.Log, root, base string) (*machine, error) {
	ready := &machine{root: root, base: base}
	return ready, log.Summary(ctx, "machine ready", func(log *progress.Log) (string, error) {
		if err := ready.install(ctx, log, root, base); err != nil {
			return "", err
		}
		return ready.summary(), nil
	})
}

// summary names the versions of what runs stacks here.
func (m *machine) summary() string {
	text := "Docker " + m.docker.Version
	for _, part := range m.toolchain.Parts {
		if strings.HasPrefix(part.Name, "Pulumi") {
			return text + ", Pulumi " + part.Version
		}
	}
	return text
}

func (m *machine) install(ctx context.Context, log *progress.Log, root, base string) (err error) {
	if m.home, err = datadir.Open(); err != nil {
		return err
	}
	if m.docker, err = dockerinstall.Ensure(ctx, m.home, log); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.docker.Close())
		}
	}()
	// The image comes before the toolchain, which takes minutes: a machine that cannot
	// build it should report that soon.
	if err = baseimage.Ensure(ctx, m.docker, log, base); err != nil {
		return err
	}
	m.toolchain, err = toolchain.Ensure(ctx, m.home, root, log)
	return err
}

// ensureToolchain installs Pulumi and its plugins if they are missing, and nothing else. It
// writes one line if there is nothing to install.
func ensureToolchain(ctx context.Context, log *progress.Log, home datadir.Home, root string) (tools *toolchain.Toolchain, err error) {
	err = log.Summary(ctx, "Pulumi ready", func(log *progress.Log) (string, error) {
		tools, err = toolchain.Ensure(ctx, home, root, log)
		return "", err
	})
	return tools, err
}

func newBootstrapCommand() *cobra.Command {
	var base string
	var output format
	command := &cobra.Command{
		Use:   "bootstrap",
		Short: "Prepare this machine to run stacks",
		Long: `bootstrap makes sure that a Docker Engine is running, that the base image exists, and that
Pulumi and its plugins are installed. It uses what already exists, so a second run takes
seconds.

Installing Docker and building the base image require root on a Debian machine. Pulumi is
downloaded, or built from the Go module proxy if its download site is unreachable, which takes
some minutes once. Everything is stored in $MLFLOW_SSO_HOME, else $XDG_DATA_HOME/mlflow-sso,
else ~/.local/share/mlflow-sso.

Progress is written to standard error, the result to standard output.`,
		Example: `  mlflow-sso bootstrap
  mlflow-sso bootstrap --output json 2>bootstrap.log
  MLFLOW_SSO_HOME=/srv/mlflow-sso mlflow-sso bootstrap
  mlflow-sso bootstrap --base-image debian:trixie-slim   # as in the stack's images.base`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the machine cannot be prepared"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, flag := range []string{"stack", "file"} {
				if cmd.Flags().Changed(flag) {
					return usageError{fmt.Errorf("--%s: got it, want it left out: bootstrap prepares the machine for all stacks", flag)}
				}
			}
			root, err := workingcopy.Find(".")
			if err != nil {
				return err
			}
			ready, err := prepare(cmd.Context(), progress.New(cmd.ErrOrStderr()), root, base)
			if err != nil {
				return err
			}
			return errors.Join(ready.print(cmd.OutOrStdout(), output), ready.docker.Close())
		},
	}
	command.Flags().StringVar(&base, "base-image", baseimage.Reference, "base `IMAGE` of the other images; any but the default must already exist or be pullable")
	output.flag(command)
	return command
}

// part is one component of a prepared machine in the result of `bootstrap`.
type part struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	From    string `json:"from"`
}

func (m *machine) parts() []part {
	parts := []part{
		{"Docker Engine", m.docker.Version, m.docker.Host},
		{"Base image", m.base, baseFrom(m.base)},
	}
	for _, p := range m.toolchain.Parts {
		parts = append(parts, part{p.Name, p.Version, p.From})
	}
	return parts
}

func baseFrom(reference string) string {
	if reference == baseimage.Reference {
		return "assembled by debootstrap"
	}
	return "images.base"
}

func (m *machine) print(w io.Writer, output format) error {
	if output == asJSON {
		return writeJSON(w, struct {
			Home  string `json:"home"`
			Parts []part `json:"parts"`
		}{m.home.Dir(), m.parts()})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "PART\tVERSION\tFROM") // tabwriter reports errors at Flush
	for _, p := range m.parts() {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, p.Version, p.From)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nThis machine is ready. Its data is in %s\n", m.home.Dir())
	return err
}
