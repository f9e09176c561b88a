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

func newUpCommand(which *stackFlags) *cobra.Command {
	var refresh, noVerify, skipRehearsal bool
	command := &cobra.Command{
		Use:   "up",
		Short: "Deploy a stack, or apply its changed settings, and verify the logins",
		Long: `up prepares this machine if necessary (see bootstrap), deploys the stack, and verifies that
authorized users can log in and everybody else is refused (see verify).

up is idempotent: it changes only what differs from the settings, completes an interrupted
run, and never deletes data.

Progress is written to standard error, the check results and the URLs to standard output.`,
		Example: `  mlflow-sso up
  mlflow-sso up --stack prod
  mlflow-sso up --refresh     # also fix the drift that mlflow-sso drift reports
  mlflow-sso up --stack lab --file ~/lab/Pulumi.lab.yaml`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the deployment or a check failed"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			deployed, err := up(cmd, *which, refresh, skipRehearsal)
			if err != nil || noVerify {
				return err
			}
			if err := verifyOutputs(cmd, deployed, asTable); err != nil {
				return err
			}
			return printAddresses(cmd.OutOrStdout(), *which, deployed)
		},
	}
	command.Flags().BoolVar(&refresh, "refresh", false, "read the actual state first, and revert manual changes")
	command.Flags().BoolVar(&noVerify, "no-verify", false, "deploy without verifying the logins")
	command.Flags().BoolVar(&skipRehearsal, "skip-rehearsal", false, "apply new versions of services without `mlflow-sso upgrade`: no rehearsal, no rollback")
	return command
}

func up(cmd *cobra.Command, which stackFlags, refresh, skipRehearsal bool) (deployed outputs.Stack, err error) {
	err = onStack(cmd, which, "stack "+which.name, func(ctx context.Context, step *progress.Step, s *stack.Stack) error {
		if !skipRehearsal {
			if err := s.RequireRehearsal(ctx); err != nil {
				return err
			}
		}
		changes, err := s.Up(ctx, step, refresh)
		if err != nil {
			return err
		}
		step.Say("%s", s.Summary(changes))
		deployed, err = s.Outputs(ctx)
		return err
	})
	return deployed, err
}

// printAddresses prints the URLs and how to get the credentials, which are not printed
// here: this output ends up in logs.
func printAddresses(w io.Writer, which stackFlags, deployed outputs.Stack) error {
	console := deployed.Keycloak.AdminURL + "/admin/"
	if !deployed.Keycloak.Admin.Exists() {
		console = fmt.Sprintf("%s console %s", os.Args[0], which.asFlags())
	}
	_, err := fmt.Fprintf(w, `
MLflow            %[1]s
Keycloak          %[2]s
Keycloak console  %[3]s

Credentials       %[4]s credentials %[5]s
Tear down         %[4]s destroy %[5]s
`, deployed.MLflow.URL, deployed.Keycloak.URL, console, os.Args[0], which.asFlags())
	if err == nil && deployed.Edge.Certificates == edge.Internal {
		_, err = fmt.Fprintf(w, "CA certificate    %s ca-certificate %s > mlflow-ca.pem\n", os.Args[0], which.asFlags())
	}
	return err
}
