package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func newBackupVerifyCommand() *cobra.Command {
	var which chosen
	var output format
	command := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the newest snapshot can be restored",
		Long: `verify restores the newest snapshot, by the recovery passphrase, into a stack of its own on
this host, compares every table and every artifact with what the snapshot says of itself, proves
that people can log in, and removes that stack again. When it was proved is seen by doctor and
by backup list.

It takes as much disk and memory as the stack itself. Exit code 1 when the proof failed.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			proof, err := prove(cmd, which)
			if err != nil {
				return err
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), proof)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "proved: snapshot %.8s can be restored: %d tables with %d rows and %d artifacts as they were, and people log in; took %d s\n",
				proof.Snapshot, proof.Tables, proof.Rows, proof.Artifacts, proof.Seconds)
			return err
		},
	}
	which.flags(command.Flags())
	output.flag(command.Flags())
	return command
}

// prove restores into a stack that is there for it alone, and remembers that it did.
func prove(cmd *cobra.Command, which chosen) (proof backup.Proof, err error) {
	began := time.Now()
	told, err := outputsInState(cmd.Context(), which)
	if err != nil {
		return proof, err
	}
	if !told.Backup.Exists() {
		return proof, fmt.Errorf("stack %s takes no snapshots: set `backup` in its stack file (docs/how-to/back-up-and-restore.md), and run `mlflow-sso up %s`", which.name, which.asFlags())
	}
	done, err := inCopy(cmd, which, stack.RestoreOptions{Of: told.Deployment, Snapshot: "latest"})
	if err != nil {
		return proof, err
	}
	proof = backup.Proof{
		At: time.Now().Unix(), Snapshot: done.Snapshot, Taken: done.Taken.Unix(), Tables: done.Tables, Rows: done.Rows,
		Artifacts: done.Artifacts, Seconds: int64(time.Since(began).Seconds()),
	}
	err = withKeeper(cmd, outputsInState, which, func(keeper backup.Client, _ outputs.Stack) error {
		return progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "remembering the proof", func(ctx context.Context, _ *progress.Step) error {
			return keeper.RecordProof(ctx, proof)
		})
	})
	return proof, err
}

// inCopy restores a snapshot into a stack of its own, proves the logins there, and removes
// it again. More may be done with it before the logins.
func inCopy(cmd *cobra.Command, which chosen, options stack.RestoreOptions, more ...func(context.Context, *stack.Stack) error) (done stack.RestoreResult, err error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return done, err
	}
	folder, err := os.MkdirTemp("", "mlflow-sso-proof-")
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	copied := chosen{name: which.name + "-proof"}
	if copied.file, err = stack.RehearsalFile(root, which.name, which.file, folder); err != nil {
		return done, err
	}
	// A stack of an earlier proof that was killed is in the way.
	if err := destroy(cmd, copied, true); err != nil {
		return done, err
	}
	defer func() {
		cleaning := *cmd
		cleaning.SetContext(context.WithoutCancel(cmd.Context()))
		if gone := destroy(&cleaning, copied, true); gone != nil {
			err = errors.Join(err, fmt.Errorf("the stack of the proof could not be removed: %w; the next `mlflow-sso backup verify` does it", gone))
		}
	}()
	done, restored, err := restore(cmd, copied, options, more...)
	if err != nil {
		return done, err
	}
	return done, verifyRestored(cmd, restored, asJSON)
}
