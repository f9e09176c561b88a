package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
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
			found, err := drift(cmd, *which)
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

func drift(cmd *cobra.Command, which stackFlags) (found []report.Change, err error) {
	s, err := which.openExisting(cmd.Context())
	if err != nil {
		return nil, err
	}
	if _, err := s.Outputs(cmd.Context()); err != nil {
		return nil, err
	}
	if s.Docker, err = engine.Open(cmd.Context()); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Docker.Close()) }()
	err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "stack "+which.name, func(ctx context.Context, step *progress.Step) error {
		found, err = s.Drift(ctx, step)
		return err
	})
	return found, err
}
