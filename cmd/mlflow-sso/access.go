package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessreport"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

func newAccessCommand(which *stackFlags) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "access",
		Short: "Show who can do what in MLflow, and by which rule",
		Long: `access asks the running MLflow for the effective permissions of every user and service account
on every experiment, model and prompt, and shows the rules behind them. Rules that are not in
the stack file are marked. Nothing is changed.

It uses the access admin of the stack, which exists if the stack file has access rules or
service accounts; otherwise, an administrator's account that is deleted after the report.`,
		Example: `  mlflow-sso access
  mlflow-sso access --stack prod --output html >access.html
  mlflow-sso access --output json | jq '.rules[] | select(.declared | not)'`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the permissions cannot be read"}),
		RunE:        func(cmd *cobra.Command, _ []string) error { return showAccess(cmd, *which, output) },
	}
	output.flag(command, asHTML)
	return command
}

func showAccess(cmd *cobra.Command, which stackFlags, output format) (err error) {
	s, err := lifecycle.Find(cmd.Context(), which.selection())
	if err != nil {
		return err
	}
	stack, err := s.Outputs(cmd.Context())
	if err != nil {
		return err
	}
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	asks := &accessclient.Client{Docker: docker, Container: stack.MLflow.Container, Client: stack.AccessAdmin.ID, Secret: stack.AccessAdmin.Secret}
	var all accessclient.AllAccounts
	err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "access to "+stack.MLflow.URL, func(ctx context.Context, step *progress.Step) error {
		all, err = asks.AllAccounts(ctx)
		step.Say("%d users and service accounts, %d groups", len(all.People), len(all.Groups))
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
	return write(cmd.OutOrStdout(), accessreport.Build(stack.Deployment, all, s.Config.Rules()))
}
