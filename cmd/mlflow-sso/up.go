package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func newUpCommand() *cobra.Command {
	var which stackFlags
	var refresh, unproved, unrehearsed bool
	command := &cobra.Command{
		Use:   "up",
		Short: "Bring a stack up, or to what its settings say now, and prove its logins",
		Long: `up makes this machine ready as far as it is not (see bootstrap), brings the stack up, and
proves that the right people can log in and the wrong ones cannot (see verify).

It may be run again at any time: what is as the settings say stays as it is, and what an
earlier run that was cut off has left is cleared up. Data is never removed.

Progress is on standard error, the proof and the addresses on standard output.`,
		Example: `  mlflow-sso up
  mlflow-sso up --stack prod
  mlflow-sso up --refresh     # mends what drift shows
  mlflow-sso up --stack lab --file ~/lab/Pulumi.lab.yaml`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			told, err := up(cmd, which, refresh, unrehearsed)
			if err != nil || unproved {
				return err
			}
			if err := verifyOutputs(cmd, told, asTable); err != nil {
				return err
			}
			return printAddresses(cmd.OutOrStdout(), which, told)
		},
	}
	which.flags(command.Flags())
	command.Flags().BoolVar(&refresh, "refresh", false, "look first at what there is, and set back what was changed by hand")
	command.Flags().BoolVar(&unproved, "no-verify", false, "bring the stack up without proving its logins")
	command.Flags().BoolVar(&unrehearsed, "unrehearsed", false, "let other versions take over the data without `mlflow-sso upgrade`, and without its way back")
	return command
}

func up(cmd *cobra.Command, which stackFlags, refresh, unrehearsed bool) (told outputs.Stack, err error) {
	err = onStack(cmd, which, "stack "+which.name, func(ctx context.Context, step *progress.Step, s *stack.Stack) error {
		if !unrehearsed {
			if err := s.RequireRehearsal(ctx); err != nil {
				return err
			}
		}
		changes, err := s.Up(ctx, step, refresh)
		if err != nil {
			return err
		}
		step.Say("%s", s.Summary(changes))
		told, err = s.Outputs(ctx)
		return err
	})
	return told, err
}

// printAddresses tells where to go, and how to get the passwords, which are not
// shown here: this output ends up in logs.
func printAddresses(w io.Writer, which stackFlags, told outputs.Stack) error {
	console := told.Keycloak.AdminURL + "/admin/"
	if !told.Keycloak.Admin.Exists() {
		console = fmt.Sprintf("%s console %s", os.Args[0], which.asFlags())
	}
	_, err := fmt.Fprintf(w, `
MLflow            %[1]s
Keycloak          %[2]s
Keycloak console  %[3]s

Passwords         %[4]s passwords %[5]s
Take it down      %[4]s destroy %[5]s
`, told.MLflow.URL, told.Keycloak.URL, console, os.Args[0], which.asFlags())
	if err == nil && told.Edge.Certificates == edge.Internal {
		_, err = fmt.Fprintf(w, "To be trusted     %s certificate %s > mlflow-ca.pem\n", os.Args[0], which.asFlags())
	}
	return err
}
