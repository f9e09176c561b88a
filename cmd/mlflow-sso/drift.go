package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// errDrift says that a stack is not as its program wants it.
var errDrift = errors.New("there is drift; `mlflow-sso up --refresh` mends what would be made, changed or removed, and the other lines say what to do")

func newDriftCommand() *cobra.Command {
	var which chosen
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
	which.flags(command.Flags())
	return command
}
