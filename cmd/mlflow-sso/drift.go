package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// errDrift is returned if the actual state differs from the settings.
var errDrift = errors.New("there is drift; `mlflow-sso up --refresh` fixes what would be created, updated or deleted, and the other lines say what to do")

func newDriftCommand(which *stackFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "drift",
		Short: "Compare the actual state with the settings, without changing anything",
		Long: `drift compares every container, network, volume, image and Keycloak object of a stack with the
settings and reports what up --refresh would change. It also reports what the stack does not
manage: unknown objects in its realm, unknown administrators of MLflow or the realm, and
unknown containers on its networks.`,
		Example: `  mlflow-sso drift
  mlflow-sso drift --stack prod`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the comparison failed", exitChanges: "there is drift"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := session(cmd, asTable).Drift(cmd.Context(), which.selection())
			if err != nil {
				return err
			}
			for _, difference := range found {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), difference); err != nil {
					return err
				}
			}
			if len(found) > 0 {
				return errDrift
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "no drift")
			return err
		},
	}
}
