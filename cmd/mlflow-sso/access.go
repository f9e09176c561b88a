package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessreport"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func newAccessCommand() *cobra.Command {
	var which chosen
	var output format
	command := &cobra.Command{
		Use:   "access",
		Short: "Show who may do what in MLflow, and by which rule",
		Long: `access asks the running MLflow what it decides for every person and service account about
every experiment, model and prompt, and shows the rules behind it. Rules that are not in the
stack file, since somebody made or changed them in MLflow, are marked.

It asks as the stack's steward, which is there where the stack file has access rules or
service accounts. Nothing is changed.`,
		Example: `  mlflow-sso access
  mlflow-sso access --stack prod --output html >access.html
  mlflow-sso access --output json | jq '.rules[] | select(.declared | not)'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return showAccess(cmd, which, output) },
	}
	which.flags(command.Flags())
	output.flag(command.Flags(), asHTML)
	return command
}

func showAccess(cmd *cobra.Command, which chosen, output format) (err error) {
	s, err := which.found(cmd.Context())
	if err != nil {
		return err
	}
	told, err := s.Outputs(cmd.Context())
	if err != nil {
		return err
	}
	if told.Steward.ID == "" {
		return fmt.Errorf("stack %s has no steward to ask with: it is there where the stack file has access rules or service accounts "+
			"(docs/how-to/manage-access.md), after `mlflow-sso up %s`", which.name, which.asFlags())
	}
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	asks := &accessclient.Client{Docker: docker, Container: told.MLflow.Container, Client: told.Steward.ID, Secret: told.Steward.Secret}
	var all accessclient.AllAccounts
	err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "access to "+told.MLflow.URL, func(ctx context.Context, step *progress.Step) error {
		all, err = asks.AllAccounts(ctx)
		step.Say("%d people and service accounts, %d groups", len(all.People), len(all.Groups))
		return err
	})
	if err != nil {
		return err
	}
	write := accessreport.Write
	switch output {
	case asJSON:
		write = accessreport.WriteJSON
	case asHTML:
		write = accessreport.WriteHTML
	}
	return write(cmd.OutOrStdout(), accessreport.Build(told.Deployment, all, s.Config.Rules()))
}
