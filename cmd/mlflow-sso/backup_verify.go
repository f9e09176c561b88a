package main

import (
	"fmt"

	"github.com/spf13/cobra"
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
			proof, err := session(cmd, output).ProveSnapshot(cmd.Context(), which.selection())
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
