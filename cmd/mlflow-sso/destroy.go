package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

func newDestroyCommand() *cobra.Command {
	var which chosen
	var data, sure bool
	command := &cobra.Command{
		Use:   "destroy",
		Short: "Take a stack down; its data stays unless --data is given",
		Long: `destroy removes the containers, networks and images that the stack made. Its data volumes,
and the root secret without which nobody could open them, stay: the next up goes on with
them. With --data they are removed too, and nothing of the stack is left. What is protected
by the setting protectData is never removed.`,
		Example: `  mlflow-sso destroy
  mlflow-sso destroy --stack dev --data --yes`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if data && !sure {
				if err := confirm(cmd, which); err != nil {
					return err
				}
			}
			return session(cmd, asTable).Destroy(cmd.Context(), which.selection(), data)
		},
	}
	which.flags(command.Flags())
	command.Flags().BoolVar(&data, "data", false, "remove the databases, the artifacts and the root secret too, for good")
	command.Flags().BoolVar(&sure, "yes", false, "do not ask whether --data is meant")
	return command
}

// stays tells of data that is not the stack's, which no destroy touches; empty
// where there is none.
func stays(which chosen) (string, error) {
	settings, err := lifecycle.Settings(which.selection())
	if err != nil {
		return "", err
	}
	places := settings.UsesExternalServices()
	if len(places) == 0 {
		return "", nil
	}
	text := "What is elsewhere stays: " + strings.Join(places, "; ") + ".\n"
	if settings.Postgres.External != nil {
		text += "Without the stack's root secret nobody gets into that Keycloak: to start anew, make its database anew, too.\n"
	}
	return text, nil
}

// confirm lets a person type the stack's name before its data is gone.
func confirm(cmd *cobra.Command, which chosen) error {
	in, ok := terminal(cmd)
	if !ok {
		return usageError{errors.New("--data removes all data for good and there is nobody to ask: add --yes if it is meant")}
	}
	elsewhere, err := stays(which)
	if err != nil {
		return err
	}
	return typed(cmd, in, which, fmt.Sprintf("All runs, models, artifacts and people that stack %s has on this host will be gone for good.\n%s", which.name, elsewhere), "nothing was removed")
}

// terminal is where a person types, if one does.
func terminal(cmd *cobra.Command) (*os.File, bool) {
	in, ok := cmd.InOrStdin().(*os.File)
	return in, ok && term.IsTerminal(int(in.Fd()))
}

// typed demands that a person types the stack's name; otherwise says what became of it.
func typed(cmd *cobra.Command, in io.Reader, which chosen, what, otherwise string) error {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%sType the stack's name to go on: ", what)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer = strings.TrimSpace(answer); answer != which.name {
		return fmt.Errorf("got %q, want %q: %s", answer, which.name, otherwise)
	}
	return nil
}
