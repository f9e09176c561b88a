package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/baseimage"
	"github.com/mlflow-sso/mlflow-sso/internal/host/machine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

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
			ready, err := machine.Prepare(cmd.Context(), progress.New(cmd.ErrOrStderr()), root, base, "")
			if err != nil {
				return err
			}
			return errors.Join(printMachine(cmd.OutOrStdout(), ready, output), ready.Docker.Close())
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

func parts(m *machine.Machine) []part {
	all := []part{
		{"Docker Engine", m.Docker.Version, m.Docker.Host},
		{"Base image", m.Base, baseFrom(m.Base)},
	}
	for _, p := range m.Toolchain.Parts {
		all = append(all, part{p.Name, p.Version, p.From})
	}
	return all
}

func baseFrom(reference string) string {
	if reference == baseimage.Reference {
		return "assembled by debootstrap"
	}
	return "images.base"
}

func printMachine(w io.Writer, m *machine.Machine, output format) error {
	if output == asJSON {
		return writeJSON(w, struct {
			Home  string `json:"home"`
			Parts []part `json:"parts"`
		}{m.Home.Dir(), parts(m)})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "PART\tVERSION\tFROM") // tabwriter tells at Flush
	for _, p := range parts(m) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, p.Version, p.From)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nThis machine is ready. What was made is in %s\n", m.Home.Dir())
	return err
}
