package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// machine is one that is ready to run stacks.
type machine struct {
	root      string // the repository
	home      datadir.Home
	docker    *engine.Engine
	toolchain *toolchain.Toolchain
	base      string // the image that the others start from
}

// prepare makes this machine ready: Docker, Pulumi with its plugins, and the base
// image with Debian packages of at least that date, each only as far as it is missing, from
// the repository at root. The
// caller closes machine.docker.
func prepare(ctx context.Context, log *progress.Log, root, base, date string) (ready *machine, err error) {
	ready = &machine{root: root, base: base}
	if ready.home, err = datadir.Open(); err != nil {
		return nil, err
	}
	if ready.docker, err = dockerinstall.Ensure(ctx, ready.home, log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ready.docker.Close())
		}
	}()
	// The image is made before the toolchain since that takes minutes: a machine
	// that cannot make it should say so soon.
	if err = baseimage.Ensure(ctx, ready.docker, log, base, date); err != nil {
		return nil, err
	}
	if ready.toolchain, err = toolchain.Ensure(ctx, ready.home, root, log); err != nil {
		return nil, err
	}
	return ready, nil
}

func newBootstrapCommand() *cobra.Command {
	var base string
	var output format
	command := &cobra.Command{
		Use:   "bootstrap",
		Short: "Make this machine ready to run stacks",
		Long: `bootstrap makes sure that a Docker Engine answers, that the image which the others start
from exists, and that Pulumi and its plugins are there. What is there already is used and
left alone, so a second run takes seconds.

Installing Docker and making the image need root on a Debian machine. Pulumi is taken
from its vendor, or, where that is out of reach, built from the Go module proxy, which
takes some minutes once; one that is installed already is used. All
that is made goes to $MLFLOW_SSO_HOME, else $XDG_DATA_HOME/mlflow-sso, else
~/.local/share/mlflow-sso.

Progress is on standard error, the result on standard output.`,
		Example: `  mlflow-sso bootstrap
  mlflow-sso bootstrap --output json 2>bootstrap.log
  MLFLOW_SSO_HOME=/srv/mlflow-sso mlflow-sso bootstrap
  mlflow-sso bootstrap --base-image debian:trixie-slim   # as in the stack's images.base`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := workingcopy.Find(".")
			if err != nil {
				return err
			}
			ready, err := prepare(cmd.Context(), progress.New(cmd.ErrOrStderr()), root, base, "")
			if err != nil {
				return err
			}
			return errors.Join(ready.print(cmd.OutOrStdout(), output), ready.docker.Close())
		},
	}
	flags := command.Flags()
	flags.StringVar(&base, "base-image", baseimage.Reference, "the `IMAGE` that the others start from; any but the default is\nyours, and not made here")
	output.flag(flags)
	return command
}

// part is one thing that a machine has, as `bootstrap` tells about it.
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
	_, _ = fmt.Fprintln(table, "PART\tVERSION\tFROM") // tabwriter tells at Flush
	for _, p := range m.parts() {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, p.Version, p.From)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nThis machine is ready. What was made is in %s\n", m.home.Dir())
	return err
}
