package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

func newUpCommand() *cobra.Command {
	var which chosen
	var options lifecycle.UpOptions
	var unproved, fresh bool
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
  mlflow-sso up --fresh       # builds all images again, with Debian's security fixes of today
  mlflow-sso up --stack lab --file ~/lab/Pulumi.lab.yaml`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if fresh {
				if err := freshen(cmd, which); err != nil {
					return err
				}
			}
			told, err := session(cmd, asTable).Up(cmd.Context(), which.selection(), options)
			if err != nil || unproved {
				return err
			}
			if err := verifyOutputs(cmd.Context(), streamsOf(cmd), told, asTable); err != nil {
				return err
			}
			return printAddresses(cmd.OutOrStdout(), which, told)
		},
	}
	which.flags(command.Flags())
	command.Flags().BoolVar(&options.Refresh, "refresh", false, "look first at what there is, and set back what was changed by hand")
	command.Flags().BoolVar(&fresh, "fresh", false, "write today into the stack file as images.date: all images are built again, with\nDebian's packages of today")
	command.Flags().BoolVar(&unproved, "no-verify", false, "bring the stack up without proving its logins")
	command.Flags().BoolVar(&options.Unrehearsed, "unrehearsed", false, "let other versions take over the data without `mlflow-sso upgrade`, and without its way back")
	return command
}

// freshen sets the day of Debian's packages in the stack file, so that plain Pulumi and other
// machines agree with what is built now.
func freshen(cmd *cobra.Command, which chosen) error {
	root, err := workingcopy.Find(".")
	if err != nil {
		return err
	}
	file, err := stack.SetImagesDate(root, which.name, which.file, time.Now())
	if err == nil {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "images.date is today in %s; commit it\n", file)
	}
	return err
}

// printAddresses tells where to go, and how to get the passwords, which are not
// shown here: this output ends up in logs.
func printAddresses(w io.Writer, which chosen, told outputs.Stack) error {
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
