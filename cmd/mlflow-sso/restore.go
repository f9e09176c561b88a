package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

func newRestoreCommand(which *stackFlags) *cobra.Command {
	var options lifecycle.RestoreOptions
	var noVerify bool
	var output format
	command := &cobra.Command{
		Use:   "restore",
		Short: "Create a stack from a snapshot, on a new machine or next to the running one",
		Long: `restore prepares this machine, checks the whole snapshot for damage, creates the stack with the
snapshot's data, and verifies its logins. It needs the stack file with the setting backup, the
repository, and the file with the recovery passphrase; nothing else of the old stack.

restore refuses a wrong passphrase, a damaged snapshot, a snapshot of another stack, too little
disk space, and a stack that already has data, and never deletes anything. To restore next to a
running stack, write a stack file with another name and other ports, and name the stack of the
snapshot with --source.`,
		Example: `  mlflow-sso restore --stack prod
  mlflow-sso restore --stack prod --snapshot 4f2c91aa
  mlflow-sso restore --stack copy --file ~/copy/Pulumi.copy.yaml --source mlflow-sso-prod`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "nothing was restored, or the restored stack failed a check"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := session(cmd, output)
			done, stack, err := in.Restore(cmd.Context(), which.selection(), options)
			if err != nil {
				return err
			}
			if !noVerify {
				if err := in.Verify(cmd.Context(), stack, false); err != nil {
					return err
				}
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			return printRestoration(cmd, done)
		},
	}
	output.flag(command)
	command.Flags().StringVar(&options.Snapshot, "snapshot", "latest", "`ID` of the snapshot, or its beginning")
	command.Flags().StringVar(&options.Of, "source", "", "setting `NAME` of the stack that the snapshot is of (default: this stack's own)")
	command.Flags().BoolVar(&noVerify, "no-verify", false, "restore without verifying the logins")
	return command
}

func printRestoration(cmd *cobra.Command, done lifecycle.RestoreResult) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "\nSnapshot %.8s of %s, taken %s, is restored: %d tables with %d rows and %d artifacts, all as they were.\n",
		done.Snapshot, done.Of, done.Taken.Local().Format(time.DateTime), done.Tables, done.Rows, done.Artifacts)
	if err == nil && done.ExternalArtifacts != "" {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "Artifacts are in %s, of which a snapshot has none.\n", done.ExternalArtifacts)
	}
	return err
}
