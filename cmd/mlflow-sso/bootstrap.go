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
	var source sourceFlag
	command := &cobra.Command{
		Use:   "bootstrap",
		Short: "Prepare this machine to run stacks",
		Long: `bootstrap makes sure that a Docker Engine is running, that the base image exists, and that
Pulumi and its plugins are installed. It uses what already exists, so a second run takes
seconds.

Installing Docker and building the base image require root on a Debian machine. Pulumi and its
plugins are the vendor's, or are built from the Go module proxy if the vendor does not answer
within seconds or answers with something else; this takes some minutes once. The result says
where each part is from, and whether its checksum is pinned or TLS alone protects it. What is
installed stays, from wherever it is: --from-source replaces the vendor's by built ones, and
--from-source=false the built ones by the vendor's. $MLFLOW_SSO_FROM_SOURCE=1 is --from-source
for every command. A Pulumi on PATH is used in any case.

Everything is stored in $MLFLOW_SSO_HOME, else $XDG_DATA_HOME/mlflow-sso, else
~/.local/share/mlflow-sso.

Progress is written to standard error, the result to standard output.`,
		Example: `  mlflow-sso bootstrap
  mlflow-sso bootstrap --output json 2>bootstrap.log
  mlflow-sso bootstrap --from-source      # never contact Pulumi's download sites
  MLFLOW_SSO_HOME=/srv/mlflow-sso mlflow-sso bootstrap
  mlflow-sso bootstrap --base-image debian:trixie-slim   # as in the stack's images.base`,
		Args:        noArguments,
		Annotations: resumable(exits(map[int]string{exitFailed: "the machine cannot be prepared"})),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forAllStacks(cmd); err != nil {
				return err
			}
			root, err := workingcopy.Find(".")
			if err != nil {
				return err
			}
			ready, err := machine.Prepare(cmd.Context(), progress.New(cmd.ErrOrStderr()), root, machine.Options{
				Base: base, Source: source.chosen(cmd),
			})
			if err != nil {
				return err
			}
			return errors.Join(printMachine(cmd.OutOrStdout(), ready, output), ready.Docker.Close())
		},
	}
	command.Flags().StringVar(&base, "base-image", baseimage.Reference, "base `IMAGE` of the other images; any but the default must already exist or be pullable")
	source.flag(command)
	output.flag(command)
	return command
}

// part is one component of a prepared machine in the result of `bootstrap`.
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
	_, _ = fmt.Fprintln(table, "PART\tVERSION\tFROM") // tabwriter reports errors at Flush
	for _, p := range parts(m) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, p.Version, p.From)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nThis machine is ready. Its data is in %s\n", m.Home.Dir())
	return err
}
