package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func newBackupCommand(ofStack outputsOf) *cobra.Command {
	var which chosen
	var output format
	command := &cobra.Command{
		Use:   "backup",
		Short: "Take a snapshot of all that a stack keeps, now",
		Long: `backup takes a snapshot of the three databases and the artifacts, while the stack goes on
working, and lets go of old ones as the settings say. The setting backup says where snapshots
go, how often one is taken without being asked for, and how long they stay.

Exit code 1 when no snapshot was taken.`,
		Example: `  mlflow-sso backup
  mlflow-sso backup list
  mlflow-sso backup check --data
  mlflow-sso backup verify`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withKeeper(cmd, ofStack, which, func(keeper backup.Client, told outputs.Stack) error {
				return take(cmd, keeper, told, output)
			})
		},
	}
	which.flags(command.Flags())
	output.flag(command.Flags())
	command.AddCommand(newBackupListCommand(ofStack), newBackupCheckCommand(ofStack), newBackupVerifyCommand())
	return command
}

// withKeeper does something with the container that takes snapshots.
func withKeeper(cmd *cobra.Command, ofStack outputsOf, which chosen, do func(backup.Client, outputs.Stack) error) (err error) {
	told, err := ofStack(cmd.Context(), which)
	if err != nil {
		return err
	}
	if !told.Backup.Exists() {
		return fmt.Errorf("stack %s takes no snapshots: set `backup` in its stack file (docs/how-to/back-up-and-restore.md), and run `mlflow-sso up %s`", which.name, which.asFlags())
	}
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	return do(backup.Client{Docker: docker, Container: told.Backup.Container}, told)
}

// snapshotOf takes one now, as a step.
func snapshotOf(cmd *cobra.Command, keeper backup.Client, told outputs.Stack) (taken backup.Snapshot, err error) {
	err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "snapshot of "+told.Deployment, func(ctx context.Context, step *progress.Step) (err error) {
		taken, err = keeper.Create(ctx, func(text string) { step.Say("%s", text) })
		return err
	})
	return taken, err
}

func take(cmd *cobra.Command, keeper backup.Client, told outputs.Stack, output format) error {
	taken, err := snapshotOf(cmd, keeper, told)
	if err != nil {
		return err
	}
	if output == asJSON {
		return writeJSON(cmd.OutOrStdout(), taken)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "snapshot %.8s in %s: databases %s, %d artifacts of %s; the repository has grown by %s; took %d s\n",
		taken.ID, told.Backup.Place, bytesText(taken.DatabasesBytes), taken.Artifacts, bytesText(taken.ArtifactsBytes), bytesText(taken.Added), taken.Ended-taken.Began)
	return err
}

// bytesText is a size for a person.
func bytesText(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// snapshots is what `backup list` tells.
type snapshots struct {
	Place     string                `json:"place"`
	Snapshots []backup.SnapshotList `json:"snapshots"`
	Failed    *backup.Failure       `json:"failed"`
	Proof     *backup.Proof         `json:"proof"`
}

func newBackupListCommand(ofStack outputsOf) *cobra.Command {
	var which chosen
	var output format
	command := &cobra.Command{
		Use:   "list",
		Short: "Tell which snapshots there are, and when a restore was last proved",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withKeeper(cmd, ofStack, which, func(keeper backup.Client, told outputs.Stack) error {
				all, err := keeper.List(cmd.Context())
				if err != nil {
					return err
				}
				status, err := keeper.Status(cmd.Context())
				if err != nil {
					return err
				}
				list := snapshots{told.Backup.Place, all, status.Failed, status.Proof}
				if output == asJSON {
					return writeJSON(cmd.OutOrStdout(), list)
				}
				return list.print(cmd.OutOrStdout(), time.Unix(status.Now, 0))
			})
		},
	}
	which.flags(command.Flags())
	output.flag(command.Flags())
	return command
}

func (s snapshots) print(w io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SNAPSHOT\tTAKEN\tAGE\tSIZE\tADDED") // tabwriter tells at Flush
	for _, one := range s.Snapshots {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.ShortID, one.Time.Local().Format(time.DateTime), age(now, one.Time), bytesText(one.Summary.Bytes), bytesText(one.Summary.Added))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	proved := "no restore has been proved yet: `mlflow-sso backup verify` does it"
	if p := s.Proof; p != nil {
		proved = fmt.Sprintf("the last restore was proved %s ago: snapshot %.8s, %d tables with %d rows, %d artifacts", age(now, time.Unix(p.At, 0)), p.Snapshot, p.Tables, p.Rows, p.Artifacts)
	}
	_, err := fmt.Fprintf(w, "\n%d snapshots in %s; %s\n", len(s.Snapshots), s.Place, proved)
	if f := s.Failed; err == nil && f != nil {
		_, err = fmt.Fprintf(w, "the last try, %s ago, failed: %s\n", age(now, time.Unix(f.At, 0)), f.Why)
	}
	return err
}

func age(now, then time.Time) string { return now.Sub(then).Round(time.Second).String() }

func newBackupCheckCommand(ofStack outputsOf) *cobra.Command {
	var which chosen
	var data bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Look whether the repository of the snapshots is whole",
		Long: `check looks whether the repository has all that its snapshots refer to; with --data it reads
every byte of it and compares it with its checksum.

Exit code 1 when something is missing or damaged, or when it could not look.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withKeeper(cmd, ofStack, which, func(keeper backup.Client, told outputs.Stack) error {
				return progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "check of the snapshots of "+told.Deployment, func(ctx context.Context, step *progress.Step) error {
					if data {
						step.Say("reading all of the repository")
					}
					if err := keeper.Check(ctx, data); err != nil {
						return err
					}
					step.Say("whole")
					return nil
				})
			})
		},
	}
	which.flags(command.Flags())
	command.Flags().BoolVar(&data, "data", false, "read all data, which takes long, and not only what it is listed in")
	return command
}
