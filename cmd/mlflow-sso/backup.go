package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func newBackupCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "backup",
		Short: "Create a snapshot of the databases and artifacts now",
		Long: `backup creates a snapshot of the three databases and the artifacts while the stack is running,
and deletes old snapshots according to the settings. The setting backup configures where
snapshots are stored, how often one is created, and how long they are kept.`,
		Example: `  mlflow-sso backup
  mlflow-sso backup list
  mlflow-sso backup check --data
  mlflow-sso backup verify`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "no snapshot was created"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withBackup(cmd, ofStack, *which, func(client backup.Client, stack outputs.Stack) error {
				return createSnapshot(cmd, client, stack, output)
			})
		},
	}
	output.flag(command)
	command.AddCommand(newBackupListCommand(which, ofStack), newBackupCheckCommand(which, ofStack), newBackupVerifyCommand(which))
	return command
}

// withBackup runs do with a client of the backup container.
func withBackup(cmd *cobra.Command, ofStack outputsOf, which stackFlags, do func(backup.Client, outputs.Stack) error) error {
	stack, err := ofStack(cmd.Context(), which)
	if err != nil {
		return err
	}
	return lifecycle.WithBackup(cmd.Context(), which.selection(), stack, func(client backup.Client) error { return do(client, stack) })
}

func createSnapshot(cmd *cobra.Command, client backup.Client, stack outputs.Stack, output format) error {
	created, err := session(cmd, output).Snapshot(cmd.Context(), client, stack)
	if err != nil {
		return err
	}
	if output == asJSON {
		return writeJSON(cmd.OutOrStdout(), created)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "snapshot %.8s in %s: databases %s, %d artifacts of %s; the repository grew by %s; took %d s\n",
		created.ID, stack.Backup.Place, bytesText(created.DatabasesBytes), created.Artifacts, bytesText(created.ArtifactsBytes), bytesText(created.Added), created.Ended-created.Began)
	return err
}

// bytesText formats a size.
func bytesText(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// snapshots is the result of `backup list`.
type snapshots struct {
	Place     string                `json:"place"`
	Snapshots []backup.SnapshotList `json:"snapshots"`
	Failed    *backup.Failure       `json:"failed"`
	Proof     *backup.Proof         `json:"proof"`
}

func newBackupListCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "list",
		Short: "List the snapshots and the last verified restore",
		Long: `list prints the snapshots of a stack with their age and size, when a restore was last verified,
and the last failure, if there is one.`,
		Example: `  mlflow-sso backup list
  mlflow-sso backup list --output json | jq -r '.snapshots[].id'`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the repository cannot be read"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withBackup(cmd, ofStack, *which, func(client backup.Client, stack outputs.Stack) error {
				all, err := client.List(cmd.Context())
				if err != nil {
					return err
				}
				status, err := client.Status(cmd.Context())
				if err != nil {
					return err
				}
				list := snapshots{stack.Backup.Place, all, status.Failed, status.Proof}
				if output == asJSON {
					return writeJSON(cmd.OutOrStdout(), list)
				}
				return list.print(cmd.OutOrStdout(), time.Unix(status.Now, 0))
			})
		},
	}
	output.flag(command)
	return command
}

func (s snapshots) print(w io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SNAPSHOT\tTAKEN\tAGE\tSIZE\tADDED") // tabwriter reports errors at Flush
	for _, one := range s.Snapshots {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.ShortID, one.Time.Local().Format(time.DateTime), age(now, one.Time), bytesText(one.Summary.Bytes), bytesText(one.Summary.Added))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	proved := "no restore has been verified yet: run `mlflow-sso backup verify`"
	if p := s.Proof; p != nil {
		proved = fmt.Sprintf("the last restore was verified %s ago: snapshot %.8s, %d tables with %d rows, %d artifacts", age(now, time.Unix(p.At, 0)), p.Snapshot, p.Tables, p.Rows, p.Artifacts)
	}
	_, err := fmt.Fprintf(w, "\n%d snapshots in %s; %s\n", len(s.Snapshots), s.Place, proved)
	if f := s.Failed; err == nil && f != nil {
		_, err = fmt.Fprintf(w, "the last attempt, %s ago, failed: %s\n", age(now, time.Unix(f.At, 0)), f.Why)
	}
	return err
}

func age(now, then time.Time) string { return now.Sub(then).Round(time.Second).String() }

func newBackupCheckCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var data bool
	var output format
	command := &cobra.Command{
		Use:   "check",
		Short: "Check the snapshot repository for damage",
		Long: `check verifies that the repository contains everything that its snapshots refer to. With --data
it reads all data and compares it with the checksums, which takes long.`,
		Example: `  mlflow-sso backup check
  mlflow-sso backup check --data`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "data is missing or damaged, or the check failed"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withBackup(cmd, ofStack, *which, func(client backup.Client, stack outputs.Stack) error {
				err := progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "checking the snapshots of "+stack.Deployment, func(ctx context.Context, step *progress.Step) error {
					if data {
						step.Say("reading all data of the repository")
					}
					return client.Check(ctx, data)
				})
				if err != nil {
					return err
				}
				return writeRepositoryCheck(cmd.OutOrStdout(), repositoryCheck{stack.Backup.Place, data, true}, output)
			})
		},
	}
	command.Flags().BoolVar(&data, "data", false, "read all data, not only the index")
	output.flag(command)
	return command
}

// repositoryCheck is the result of `backup check`; a repository with damage is an error.
type repositoryCheck struct {
	Place    string `json:"place"`
	ReadData bool   `json:"readData"`
	OK       bool   `json:"ok"`
}

func writeRepositoryCheck(w io.Writer, r repositoryCheck, output format) error {
	if output == asJSON {
		return writeJSON(w, r)
	}
	read := "its index was read; --data reads everything"
	if r.ReadData {
		read = "all data was read"
	}
	_, err := fmt.Fprintf(w, "no damage in %s (%s)\n", r.Place, read)
	return err
}
