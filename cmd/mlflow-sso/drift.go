package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// errDrift is returned if the actual state differs from the settings.
var errDrift = errors.New("there is drift; `mlflow-sso up --refresh` fixes what would be created, updated or deleted, and the other lines say what to do")

func newDriftCommand(which *stackFlags) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "drift",
		Short: "Compare the actual state with the settings, without changing anything",
		Long: `drift compares every container, network, volume, image and Keycloak object of a stack with the
settings and reports what up --refresh would change. It also reports what the stack does not
manage: unknown objects in its realm, unknown administrators of MLflow or the realm, and
unknown containers on its networks.`,
		Example: `  mlflow-sso drift
  mlflow-sso drift --stack prod
  mlflow-sso drift --output json | jq '.findings[].fix'`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the comparison failed", exitChanges: "there is drift"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := session(cmd, output).Drift(cmd.Context(), which.selection())
			if len(found.Checks) > 0 {
				err = errors.Join(err, writeDrift(streamsOf(cmd), found, output))
			}
			if err == nil && len(found.Findings) > 0 {
				err = errDrift
			}
			return err
		},
	}
	output.flag(command)
	return command
}

// writeDrift writes the report. On standard error it names what was not compared because of the
// drift found; the command's error says why something could not be read.
func writeDrift(to streams, found check.Report, output format) error {
	if output == asJSON {
		return report.WriteDriftJSON(to.out, found)
	}
	for _, c := range found.With(check.StatusNotRun) {
		if c.Took > 0 {
			continue
		}
		if _, err := fmt.Fprintf(to.err, "not compared: %s (%s)\n", c.ID, c.Reason); err != nil {
			return err
		}
	}
	return report.WriteDrift(to.out, found)
}
