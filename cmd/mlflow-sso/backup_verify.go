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

func newBackupVerifyCommand(which *stackFlags) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "verify",
		Short: "Verify that the newest snapshot can be restored",
		Long: `verify restores the newest snapshot with the recovery passphrase into a temporary stack on this
host, compares every table and artifact with the snapshot's manifest, verifies the logins, and
removes the temporary stack. doctor and backup list show when a restore was last verified.

It needs as much disk space and memory as the stack itself.`,
		Example: `  mlflow-sso backup verify
  mlflow-sso backup verify --stack prod --output json`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the restore or a check failed"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			proof, err := verifyRestore(cmd, *which)
			if err != nil {
				return err
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), proof)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "verified: snapshot %.8s can be restored: %d tables with %d rows and %d artifacts are complete, and users can log in; took %d s\n",
				proof.Snapshot, proof.Tables, proof.Rows, proof.Artifacts, proof.Seconds)
			return err
		},
	}
	output.flag(command)
	return command
}

// verifyRestore restores into a stack that is there for it alone, and remembers that it did.
func verifyRestore(cmd *cobra.Command, which stackFlags) (proof backup.Proof, err error) {
	began := time.Now()
	told, err := outputsInState(cmd.Context(), which)
	if err != nil {
		return proof, err
	}
	if !told.Backup.Exists() {
		return proof, fmt.Errorf("stack %s takes no snapshots: set `backup` in its stack file (docs/backup.md), and run `mlflow-sso up %s`", which.name, which.asFlags())
	}
	done, err := inCopy(cmd, which, stack.RestoreOptions{Of: told.Deployment, Snapshot: "latest"})
	if err != nil {
		return proof, err
	}
	proof = backup.Proof{
		At: time.Now().Unix(), Snapshot: done.Snapshot, Taken: done.Taken.Unix(), Tables: done.Tables, Rows: done.Rows,
		Artifacts: done.Artifacts, Seconds: int64(time.Since(began).Seconds()),
	}
	err = withBackup(cmd, outputsInState, which, func(keeper backup.Client, _ outputs.Stack) error {
		return progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "remembering the proof", func(ctx context.Context, _ *progress.Step) error {
			return keeper.RecordProof(ctx, proof)
		})
	})
	return proof, err
}

// inCopy restores a snapshot into a stack of its own, proves the logins there, and removes
// it again. More may be done with it before the logins.
func inCopy(cmd *cobra.Command, which stackFlags, options stack.RestoreOptions, more ...func(context.Context, *stack.Stack) error) (done stack.RestoreResult, err error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return done, err
	}
	folder, err := os.MkdirTemp("", "mlflow-sso-proof-")
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	copied := stackFlags{name: which.name + "-proof"}
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
