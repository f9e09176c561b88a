package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/serviceaccount"
)

// asToken prints a token, and not the credentials to request one.
const asToken format = "token"

func newTokenCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var form format
	command := &cobra.Command{
		Use:   "token ACCOUNT",
		Short: "Print an access token of a service account, or the credentials for a job",
		Long: `token requests an access token of a service account (setting serviceAccounts) from Keycloak and
prints nothing else. The token is valid for the account's tokenMinutes. For a job that may
take longer, print the credentials with --output: the job then requests its own tokens. They
contain the account's secret in plain text, so that only the job should be able to read them.

  env         environment variables, for MLflow's Python client with clients/python
  netrc       for curl or Python's requests, at Keycloak
  kubernetes  a Secret with the same variables, and ca.crt if the stack has its own CA
  json        the same for other programs`,
		Example: `  curl -H "Authorization: Bearer $(mlflow-sso token ci)" http://localhost:5000/api/2.0/mlflow/users/current
  (umask 077; mlflow-sso token ci --output env > ci.env); docker run --env-file ci.env my-job
  mlflow-sso token ci --stack prod --output kubernetes | kubectl apply -f -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%s takes the name of one service account, got %d arguments", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		ValidArgsFunction: completeFromSettings(which, serviceAccountNames),
		Annotations:       exits(map[int]string{exitFailed: "the state cannot be read, or Keycloak issues no token", exitUsage: "a mistake in the arguments, such as an unknown account"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			stack, err := ofStack(cmd.Context(), *which)
			if err != nil {
				return err
			}
			account, err := stack.ServiceAccount(args[0])
			if err != nil {
				return usageError{err}
			}
			return printToken(cmd, stack, account, form)
		},
	}
	form.flagOf(command, asToken, serviceaccount.Env, serviceaccount.Netrc, serviceaccount.Kubernetes, serviceaccount.JSON)
	return command
}

func printToken(cmd *cobra.Command, stack outputs.Stack, account outputs.ServiceAccount, form format) error {
	edge, err := openEdge(cmd.Context(), stack)
	if err != nil {
		return err
	}
	if form != asToken {
		return serviceaccount.For(stack, account, edge.Authority).Write(cmd.OutOrStdout(), string(form))
	}
	token, err := serviceaccount.Token(cmd.Context(), edge.HTTP(), stack, account)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
	return err
}

// openEdge returns a client for a stack's public addresses. Docker is only needed if the
// stack has an edge.
func openEdge(ctx context.Context, stack outputs.Stack) (edge *edgeclient.Client, err error) {
	if !stack.Edge.Exists() {
		return edgeclient.Open(ctx, stack, nil)
	}
	docker, err := engine.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	return edgeclient.Open(ctx, stack, docker)
}
