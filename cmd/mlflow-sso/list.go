package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

func newListCommand() *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "list",
		Short: "List the stacks of this machine, and whose state is here",
		Long: `list shows the stacks that have a stack file in the working copy, those in the state of this data
directory, and the deployments whose containers are on this Docker host. A deployment whose state
is not in the data directory belongs to another account or another MLFLOW_SSO_HOME, or plain
Pulumi deployed it. Nothing is decrypted, installed or started.`,
		Example: `  mlflow-sso list
  mlflow-sso list --output json | jq -r '.stacks[] | select(.containers > 0 and (.ownState | not)).deployment'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forAllStacks(cmd); err != nil {
				return err
			}
			listing, err := lifecycle.List(cmd.Context())
			if err != nil {
				return err
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), listing)
			}
			return writeListing(streamsOf(cmd), listing, time.Now())
		},
	}
	output.flag(command)
	return command
}

func writeListing(to streams, l lifecycle.Listing, now time.Time) error {
	table := tabwriter.NewWriter(to.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "STACK\tDEPLOYMENT\tREADY\tSINCE\tSTATE\tMLFLOW") // tabwriter reports errors at Flush
	for _, s := range l.Stacks {
		ready, since := "-", "-"
		if s.Containers > 0 {
			ready = fmt.Sprintf("%d of %d", s.Ready, s.Containers)
		}
		if !s.Since.IsZero() {
			since = age(now, s.Since) + " ago"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", orDash(s.Stack), orDash(s.Deployment), ready, since, stateOf(s), orDash(s.MLflow))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return writeNotes(to.err, l)
}

// stateOf says where the state of a stack is.
func stateOf(s lifecycle.Listed) string {
	switch {
	case s.OwnState:
		return "here"
	case s.Foreign():
		return "of another account"
	}
	return "none"
}

// writeNotes explains the table on standard error.
func writeNotes(w io.Writer, l lifecycle.Listing) error {
	var notes []string
	for _, s := range l.Stacks {
		if s.Problem != "" {
			notes = append(notes, s.Stack+": "+strings.ReplaceAll(s.Problem, "\n", " "))
		}
		if s.Foreign() {
			notes = append(notes, fmt.Sprintf("%s: its state is not in %s: another account, another MLFLOW_SSO_HOME or plain Pulumi deployed it (docs/how-to/manage-state.md)",
				s.Deployment, l.DataDirectory))
		}
	}
	if l.DockerProblem != "" {
		notes = append(notes, "containers are not known: "+l.DockerProblem)
	}
	for _, note := range notes {
		if _, err := fmt.Fprintln(w, "note: "+note); err != nil {
			return err
		}
	}
	return nil
}
