package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// errChanges is returned with --exit-code if up would change something.
var errChanges = errors.New("there are changes; `mlflow-sso up` applies them")

func newPreviewCommand(which *stackFlags) *cobra.Command {
	var output format
	var refresh, exitCode bool
	var policies policyPacks
	command := &cobra.Command{
		Use:   "preview",
		Short: "Show what up would change, without changing anything",
		Long: `preview compares the settings with the state of the last up and lists each resource that up
would create, update, replace or delete, with the old and the new values of the properties that
differ. Secrets are shown as [secret]. A change that would lose data is marked.

Neither Docker nor Keycloak has to run: manual changes are only found with --refresh, or by
drift. Pulumi and its plugins are installed first if they are missing.

With --policy-pack, a mandatory policy that is violated fails the preview in the words of the
pack; an advisory one is reported.`,
		Example: `  mlflow-sso preview --stack prod
  mlflow-sso preview --policy-pack ~/policies/containers
  mlflow-sso preview --output json | jq '.changes[] | select(.loses)'
  mlflow-sso preview --exit-code >/dev/null || echo 'the stack differs from its settings'`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the preview failed", exitChanges: "there are changes (only with --exit-code)"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			packs, err := policies.absolute()
			if err != nil {
				return err
			}
			run := session(cmd, output)
			run.PolicyPacks = packs
			found, err := run.Preview(cmd.Context(), which.selection(), refresh)
			if err != nil {
				return err
			}
			if err := writePreview(cmd.OutOrStdout(), found, output); err != nil {
				return err
			}
			if exitCode && len(found.Changes) > 0 {
				return errChanges
			}
			return nil
		},
	}
	output.flag(command, asMarkdown)
	policies.flag(command)
	command.Flags().BoolVar(&refresh, "refresh", false, "read the actual state first, as up --refresh does")
	command.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 if there are changes")
	return command
}

func writePreview(w io.Writer, found report.Preview, output format) error {
	switch output {
	case asJSON:
		return report.WriteChangesJSON(w, found)
	case asMarkdown:
		return report.WriteChangesMarkdown(w, found)
	case asTable:
		return report.WriteChanges(w, found, report.Colour(w))
	}
	return fmt.Errorf("--output: got %s, want table, json or markdown", output)
}
