package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

func newStatusCommand(which *stackFlags) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "status",
		Short: "Show what runs of a stack: containers, health, addresses and versions",
		Long: `status lists the containers of a stack with their health, and since when they run, the addresses
of MLflow and Keycloak, and the deployed versions. It reads the labels of the containers and what
the state has in clear: it needs no passphrase, no Pulumi and no working copy, and works for an
account that does not have the state. The name of a deployment is accepted as the name of a stack.

It takes Docker's word for the health of a container; doctor checks the services themselves.`,
		Example: `  mlflow-sso status
  mlflow-sso status --stack prod --output json | jq -r '.containers[] | select(.health != "healthy").name'`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the stack is not known here, or Docker does not answer"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := lifecycle.StatusOf(cmd.Context(), which.selection())
			if err != nil {
				return err
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), status)
			}
			return writeStatus(cmd.OutOrStdout(), status, time.Now())
		},
	}
	output.flag(command)
	return command
}

func writeStatus(w io.Writer, s lifecycle.Status, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", name, value) // tabwriter reports errors at Flush
		}
	}
	ready := fmt.Sprintf("%d of %d containers ready", s.Ready, len(s.Containers))
	if len(s.Containers) == 0 {
		ready = "no container on this Docker host"
	}
	row("Stack", fmt.Sprintf("%s, deployment %s: %s", s.Stack, s.Deployment, ready))
	row("MLflow", s.MLflow)
	row("Keycloak", s.Keycloak)
	row("Versions", versionsLine(s.Versions))
	row("State", stateLine(s))
	if err := table.Flush(); err != nil || len(s.Containers) == 0 {
		return err
	}
	_, _ = fmt.Fprintln(table, "\nCOMPONENT\tSTATUS\tHEALTH\tSINCE\tPORTS\tCONTAINER\tIMAGE")
	for _, c := range s.Containers {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Component, c.Status, orDash(c.Health),
			age(now, c.Since)+" ago", orDash(strings.Join(c.Ports, " ")), c.Name, shortImage(c.Image))
	}
	return table.Flush()
}

// versionsLine is the versions of the services in one line.
func versionsLine(versions map[string]string) string {
	var all []string
	for _, service := range slices.Sorted(maps.Keys(versions)) {
		all = append(all, versions[service])
	}
	return strings.Join(all, ", ")
}

func stateLine(s lifecycle.Status) string {
	if !s.OwnState {
		return "not in " + s.DataDirectory + ": another account or another MLFLOW_SSO_HOME deployed this stack (docs/how-to/manage-state.md)"
	}
	return fmt.Sprintf("in %s, last written %s", s.DataDirectory, s.Updated.Local().Format(time.DateTime))
}

// shortImage is an image without most of its ID, which says little to a person.
func shortImage(image string) string {
	if hash, ok := strings.CutPrefix(image, "sha256:"); ok && len(hash) > 12 {
		return "sha256:" + hash[:12]
	}
	return image
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
