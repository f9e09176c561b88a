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

func newDestroyCommand(which *stackFlags) *cobra.Command {
	var deleteData, yes bool
	command := &cobra.Command{
		Use:   "destroy",
		Short: "Tear a stack down; its data is kept unless --delete-data is given",
		Long: `destroy removes the containers, networks and images of a stack. It keeps the data volumes and
the root secret that protects them: the next up continues with them. With --delete-data they
are deleted as well, and nothing of the stack remains. The setting protectData prevents that.`,
		Example: `  mlflow-sso destroy
  mlflow-sso destroy --stack dev --delete-data --yes`,
		Args:        noArguments,
		Annotations: resumable(exits(map[int]string{exitFailed: "something was not removed"})),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if deleteData && !yes {
				if err := confirm(cmd, *which); err != nil {
					return err
				}
			}
			return session(cmd, asTable).Destroy(cmd.Context(), which.selection(), deleteData)
		},
	}
	command.Flags().BoolVar(&deleteData, "delete-data", false, "also delete the databases, the artifacts and the root secret, permanently")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation of --delete-data")
	return command
}

// externalDataNotice names the data in external services, which destroy never touches;
// empty if there is none.
func externalDataNotice(which stackFlags) (string, error) {
	settings, err := lifecycle.Settings(which.selection())
	if err != nil {
		return "", err
	}
	places := settings.UsesExternalServices()
	if len(places) == 0 {
		return "", nil
	}
	text := "Data in external services is kept: " + strings.Join(places, "; ") + ".\n"
	if settings.Postgres.External != nil {
		text += "The Keycloak database cannot be used without the root secret of this stack: recreate that database before the next up.\n"
	}
	return text, nil
}

// confirm asks for the stack's name before its data is deleted.
func confirm(cmd *cobra.Command, which stackFlags) error {
	in, ok := terminal(cmd)
	if !ok {
		return usageError{errors.New("--delete-data deletes all data permanently, and standard input is not a terminal: add --yes to confirm (YES=1 with make)")}
	}
	notice, err := externalDataNotice(which)
	if err != nil {
		return err
	}
	return confirmStackName(cmd, in, which, fmt.Sprintf("This permanently deletes all runs, models, artifacts and users that stack %s has on this host.\n%s", which.name, notice), "nothing was removed")
}

// terminal returns standard input if it is a terminal.
func terminal(cmd *cobra.Command) (*os.File, bool) {
	in, ok := cmd.InOrStdin().(*os.File)
	return in, ok && term.IsTerminal(int(in.Fd()))
}

// confirmStackName requires the stack's name to be typed; otherwise completes the error.
func confirmStackName(cmd *cobra.Command, in io.Reader, which stackFlags, what, otherwise string) error {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%sType the name of the stack to continue: ", what)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer = strings.TrimSpace(answer); answer != which.name {
		return fmt.Errorf("got %q, want %q: %s", answer, which.name, otherwise)
	}
	return nil
}
