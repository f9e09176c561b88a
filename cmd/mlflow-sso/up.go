package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

func newUpCommand(which *stackFlags) *cobra.Command {
	var options lifecycle.UpOptions
	var noVerify, fresh bool
	var output format
	var source sourceFlag
	var policies policyPacks
	command := &cobra.Command{
		Use:   "up",
		Short: "Deploy a stack, or apply its changed settings, and verify the logins",
		Long: `up prepares this machine if necessary (see bootstrap), deploys the stack, and verifies that
authorized users can log in and all others are refused (see verify), unless the setting
proof is never.

up is idempotent: it changes only what differs from the settings, completes an interrupted
run, and never deletes data. It stops if a volume of the stack is missing, or was not created by
this stack, because the stack would then run on other data. With --policy-pack, it stops before
the first change if a mandatory policy is violated.

Progress is written to standard error, the check results and the URLs to standard output.`,
		Example: `  mlflow-sso up
  mlflow-sso up --stack prod
  mlflow-sso up --refresh     # also fix the drift that mlflow-sso drift reports
  mlflow-sso up --fresh       # build all images again, with today's Debian security fixes
  mlflow-sso up --stack lab --file ~/lab/Pulumi.lab.yaml`,
		Args:        noArguments,
		Annotations: resumable(exits(map[int]string{exitFailed: "the deployment or a check failed"})),
		RunE: func(cmd *cobra.Command, _ []string) error {
			packs, err := policies.absolute()
			if err != nil {
				return err
			}
			if fresh {
				if err := freshen(cmd, *which); err != nil {
					return err
				}
			}
			run := session(cmd, output)
			run.Source, run.PolicyPacks = source.chosen(cmd), packs
			deployed, err := run.Up(cmd.Context(), which.selection(), options)
			if err != nil || noVerify && output != asJSON {
				return err
			}
			wanted, err := proofWanted(*which)
			if err != nil {
				return err
			}
			if wanted = wanted && !noVerify; wanted {
				if err := run.Verify(cmd.Context(), deployed, false); err != nil {
					return err
				}
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), deployedStack{which.name, deployed.Deployment, deployed.MLflow.URL, deployed.Keycloak.URL, deployed.Versions, wanted})
			}
			return printAddresses(cmd.OutOrStdout(), *which, deployed)
		},
	}
	output.flag(command)
	command.Flags().BoolVar(&options.Refresh, "refresh", false, "read the actual state first, and revert manual changes")
	command.Flags().BoolVar(&fresh, "fresh", false, "write today's date to the stack file as images.date: all images are built again,\nwith today's Debian packages")
	policies.flag(command)
	source.flag(command)
	command.Flags().BoolVar(&noVerify, "no-verify", false, "deploy without verifying the logins")
	command.Flags().BoolVar(&options.AcceptVolumes, strings.TrimPrefix(hostvolume.AcceptFlag, "--"), false,
		"continue although volumes of the stack are missing or lack its label: missing ones are\ncreated empty, the others are used as they are; nothing is deleted")
	command.Flags().BoolVar(&options.Unrehearsed, "skip-rehearsal", false, "apply new versions of services without upgrade: no rehearsal, no rollback")
	return command
}

// deployedStack is what up writes as JSON; the report on the logins goes to standard error.
type deployedStack struct {
	Stack      string            `json:"stack"`
	Deployment string            `json:"deployment"`
	MLflow     string            `json:"mlflow"`
	Keycloak   string            `json:"keycloak"`
	Versions   map[string]string `json:"versions"`
	// Verified says whether the logins were verified in this run.
	Verified bool `json:"verified"`
}

// proofWanted says whether the settings request a login proof. up runs it every time, also if
// nothing has changed.
func proofWanted(which stackFlags) (bool, error) {
	settings, err := lifecycle.Settings(which.selection())
	return err == nil && settings.Proof != loginproof.Never, err
}

// freshen sets the date of the Debian packages in the stack file, so that plain Pulumi and other
// machines build the same images.
func freshen(cmd *cobra.Command, which stackFlags) error {
	file, err := lifecycle.SetImagesDate(which.selection(), time.Now())
	if err == nil {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "images.date is today in %s; commit it\n", file)
	}
	return err
}

// printAddresses prints the URLs and how to get the credentials, but not the credentials: this
// output ends up in logs.
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
