package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func newRestoreCommand() *cobra.Command {
	var which stackFlags
	var options stack.RestoreOptions
	var unproved bool
	var output format
	command := &cobra.Command{
		Use:   "restore",
		Short: "Make a stack out of a snapshot, on a new machine or beside the running one",
		Long: `restore makes this machine ready, reads all of a snapshot to see that it is whole, makes the
stack with what is in it, brings it up and proves its logins. It needs the stack file, with
the setting backup, the repository that this names, and the recovery passphrase in the file
that it names; nothing else of the old stack.

A wrong passphrase, a damaged snapshot, one of another stack, too little disk, and a stack
that has data already are refused before anything is made. Nothing is ever removed to make
room. To restore beside a running stack, write a stack file with another name and other
ports, and say by --of whose snapshot it is.

Exit code 1 when nothing was restored, or when the restored stack is not as it should be.`,
		Example: `  mlflow-sso restore --stack prod
  mlflow-sso restore --stack prod --snapshot 4f2c91aa
  mlflow-sso restore --stack copy --file ~/copy/Pulumi.copy.yaml --of mlflow-sso-prod`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			done, told, err := restore(cmd, which, options)
			if err != nil {
				return err
			}
			if !unproved {
				if err := verifyRestored(cmd, told, output); err != nil {
					return err
				}
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			return printRestoration(cmd, done)
		},
	}
	which.flags(command.Flags())
	output.flag(command.Flags())
	command.Flags().StringVar(&options.Snapshot, "snapshot", "latest", "the `ID` of the snapshot, or how it begins")
	command.Flags().StringVar(&options.Of, "of", "", "the setting `NAME` of the stack whose snapshot it is (default this stack's own)")
	command.Flags().BoolVar(&unproved, "no-verify", false, "restore without proving the logins")
	return command
}

// restore restores a snapshot, and then does more with the stack, if something is given.
func restore(cmd *cobra.Command, which stackFlags, options stack.RestoreOptions, more ...func(context.Context, *stack.Stack) error) (done stack.RestoreResult, told outputs.Stack, err error) {
	err = onStack(cmd, which, "restore of stack "+which.name, func(ctx context.Context, step *progress.Step, s *stack.Stack) error {
		var err error
		if done, err = s.Restore(ctx, step, options); err != nil {
			return err
		}
		step.Say("%d rows of %d tables and %d artifacts are as the snapshot says", done.Rows, done.Tables, done.Artifacts)
		if told, err = s.Outputs(ctx); err != nil {
			return err
		}
		for _, do := range more {
			if err := do(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	return done, told, err
}

// verifyRestored proves the logins. The report is a table on standard error where
// standard output is for a machine.
func verifyRestored(cmd *cobra.Command, told outputs.Stack, output format) error {
	if output != asJSON {
		return verifyOutputs(cmd, told, asTable)
	}
	quiet := *cmd
	quiet.SetOut(cmd.ErrOrStderr())
	return verifyOutputs(&quiet, told, asTable)
}

func printRestoration(cmd *cobra.Command, done stack.RestoreResult) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "\nSnapshot %.8s of %s, taken %s, is restored: %d tables with %d rows and %d artifacts, all as they were.\n",
		done.Snapshot, done.Of, done.Taken.Local().Format(time.DateTime), done.Tables, done.Rows, done.Artifacts)
	if err == nil && done.ArtifactsElsewhere != "" {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "Artifacts are in %s, of which a snapshot has none.\n", done.ArtifactsElsewhere)
	}
	return err
}
