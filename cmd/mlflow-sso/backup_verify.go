package main

import (
	"fmt"

	"github.com/spf13/cobra"
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
			proof, err := session(cmd, output).ProveSnapshot(cmd.Context(), which.selection())
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
