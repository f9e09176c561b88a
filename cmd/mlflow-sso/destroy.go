package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func newDestroyCommand() *cobra.Command {
	var which stackFlags
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
			return destroy(cmd, which, data)
		},
	}
	which.flags(command.Flags())
	command.Flags().BoolVar(&data, "data", false, "remove the databases, the artifacts and the root secret too, for good")
	command.Flags().BoolVar(&sure, "yes", false, "do not ask whether --data is meant")
	return command
}

// externalDataNotice tells of data that is not the stack's, which no destroy touches; empty
// where there is none.
func externalDataNotice(which stackFlags) (string, error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return "", err
	}
	settings, err := stack.Settings(root, which.name, which.file)
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
func confirm(cmd *cobra.Command, which stackFlags) error {
	in, ok := terminal(cmd)
	if !ok {
		return usageError{errors.New("--data removes all data for good and there is nobody to ask: add --yes if it is meant")}
	}
	elsewhere, err := externalDataNotice(which)
	if err != nil {
		return err
	}
	return confirmStackName(cmd, in, which, fmt.Sprintf("All runs, models, artifacts and people that stack %s has on this host will be gone for good.\n%s", which.name, elsewhere), "nothing was removed")
}

// terminal is where a person types, if one does.
func terminal(cmd *cobra.Command) (*os.File, bool) {
	in, ok := cmd.InOrStdin().(*os.File)
	return in, ok && term.IsTerminal(int(in.Fd()))
}

// confirmStackName demands that a person types the stack's name; otherwise says what became of it.
func confirmStackName(cmd *cobra.Command, in io.Reader, which stackFlags, what, otherwise string) error {
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

func destroy(cmd *cobra.Command, which stackFlags, data bool) (err error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return err
	}
	if _, err := stack.Settings(root, which.name, which.file); err != nil {
		return err
	}
	at, err := datadir.Open()
	if err != nil {
		return err
	}
	if !stack.MightExist(at, which.name) {
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "stack %s was never brought up from %s: there is nothing to remove\n", which.name, at.Dir())
		return err
	}
	// Not started for this: where no daemon runs, nothing of the stack runs either.
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	log := progress.New(cmd.ErrOrStderr())
	tools, err := toolchain.Ensure(cmd.Context(), at, root, log)
	if err != nil {
		return err
	}
	s, err := which.open(cmd.Context(), &machine{root: root, home: at, docker: docker, toolchain: tools})
	if err != nil {
		return err
	}
	return log.Step(cmd.Context(), "stack "+which.name, func(ctx context.Context, step *progress.Step) error {
		changes, err := s.Destroy(ctx, step, data)
		if err == nil {
			step.Say("%s", s.Summary(changes))
		}
		return err
	})
}
