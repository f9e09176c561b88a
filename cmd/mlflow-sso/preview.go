package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// errChanges says that up would change something, where that shall be told by the
// exit code.
var errChanges = errors.New("there are changes; `mlflow-sso up` makes them")

func newPreviewCommand() *cobra.Command {
	var which stackFlags
	var output format
	var refresh, tell bool
	command := &cobra.Command{
		Use:   "preview",
		Short: "Show what up would change, without changing anything",
		Long: `preview compares what the program wants now with what the last up has written down, and
shows each resource that up would create, change, replace or remove, with the properties
that differ. Secrets are shown as [secret]. What would cost data is said in so many words.

Neither Docker nor Keycloak has to run: what somebody has changed by hand is seen with
--refresh only, or with drift. A stack that was never up is shown as it would be created.
Pulumi and its plugins are made ready first where they are missing.

Exit codes: 0 also when there are changes, unless --exit-code is given: then 3.`,
		Example: `  mlflow-sso preview --stack prod
  mlflow-sso preview --output json | jq '.changes[] | select(.loses)'
  mlflow-sso preview --exit-code >/dev/null || echo 'not as the settings say'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := preview(cmd, which, refresh)
			if err != nil {
				return err
			}
			if err := writePreview(cmd.OutOrStdout(), found, output); err != nil {
				return err
			}
			if tell && len(found.Changes) > 0 {
				return errChanges
			}
			return nil
		},
	}
	which.flags(command.Flags())
	output.flag(command.Flags(), asMarkdown)
	command.Flags().BoolVar(&refresh, "refresh", false, "look first at what there is, as up --refresh does")
	command.Flags().BoolVar(&tell, "exit-code", false, "end with 3 when there are changes")
	return command
}

func preview(cmd *cobra.Command, which stackFlags, refresh bool) (found report.Preview, err error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return found, err
	}
	if _, err := stack.Settings(root, which.name, which.file); err != nil {
		return found, err
	}
	at, err := datadir.Open()
	if err != nil {
		return found, err
	}
	log := progress.New(cmd.ErrOrStderr())
	tools, err := toolchain.Ensure(cmd.Context(), at, root, log)
	if err != nil {
		return found, err
	}
	options, err := which.options(&machine{root: root, home: at, toolchain: tools})
	if err != nil {
		return found, err
	}
	s, err := stack.OpenForPreview(cmd.Context(), options)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = log.Step(cmd.Context(), "preview of stack "+which.name, func(ctx context.Context, step *progress.Step) error {
		if found, err = s.Preview(ctx, step, refresh); err == nil {
			step.Say("%s", found.Summary())
		}
		return err
	})
	return found, err
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
	return fmt.Errorf("no such format: %s", output)
}
