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

// errDrift says that a stack is not as its program wants it.
var errDrift = errors.New("there is drift; `mlflow-sso up --refresh` mends what would be made, changed or removed, and the other lines say what to do")

func newDriftCommand() *cobra.Command {
	var which stackFlags
	command := &cobra.Command{
		Use:   "drift",
		Short: "Compare what there is with what the program wants, without changing anything",
		Long: `drift looks at every container, network, volume and image of a stack and at everything that
the program made inside Keycloak, and names what an update would change. It names, too, what
nobody of the stack made: in its realm, among those who may administer MLflow or the realm,
and on its networks.

Exit code 2 when there is such a thing, 1 when it could not be looked at.`,
		Example: `  mlflow-sso drift --stack prod`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := drift(cmd, which)
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
	which.flags(command.Flags())
	return command
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
