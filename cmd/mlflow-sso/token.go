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

// asToken prints a token, and not what it takes to get one.
const asToken format = "token"

func newTokenCommand(ofStack outputsOf) *cobra.Command {
	var which stackFlags
	form := asToken
	command := &cobra.Command{
		Use:   "token ACCOUNT",
		Short: "Print a token of a service account, or what a job needs to get tokens itself",
		Long: `token asks Keycloak for an access token of a service account (setting serviceAccounts) and
prints it, with nothing around it. It lasts for the account's tokenMinutes. For a job that
may take longer, print with --format what the job gets its own tokens with: that holds the
account's secret, in clear, so send it where only the job reads it.

  env         lines of variables, for MLflow's Python client with clients/python
  netrc       for curl or Python's requests, at Keycloak
  kubernetes  a Secret, with the same variables; and ca.crt where the stack has an authority
  json        the same for other programs

Exit codes: 0 printed, 1 the stack cannot be read or Keycloak gives no token,
2 the arguments make no sense or there is no such account.`,
		Example: `  curl -H "Authorization: Bearer $(mlflow-sso token ci)" http://localhost:5000/api/2.0/mlflow/users/current
  (umask 077; mlflow-sso token ci --format env > ci.env); docker run --env-file ci.env my-job
  mlflow-sso token ci --stack prod --format kubernetes | kubectl apply -f -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%s takes the name of one service account, got %d arguments", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			told, err := ofStack(cmd.Context(), which)
			if err != nil {
				return err
			}
			account, err := told.ServiceAccount(args[0])
			if err != nil {
				return usageError{err}
			}
			return printToken(cmd, told, account, form)
		},
	}
	which.flags(command.Flags())
	choice := formatChoice{&form, []format{asToken, serviceaccount.Env, serviceaccount.Netrc, serviceaccount.Kubernetes, serviceaccount.JSON}}
	command.Flags().Var(choice, "format", "`FORMAT` of what is printed, "+choice.list())
	return command
}

func printToken(cmd *cobra.Command, told outputs.Stack, account outputs.ServiceAccount, form format) error {
	way, err := openEdge(cmd.Context(), told)
	if err != nil {
		return err
	}
	if form != asToken {
		return serviceaccount.For(told, account, way.Authority).Write(cmd.OutOrStdout(), string(form))
	}
	token, err := serviceaccount.Token(cmd.Context(), way.HTTP(), told, account)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
	return err
}

// openEdge is the way to a stack's public addresses. Docker is asked only where the
// stack has an edge.
func openEdge(ctx context.Context, told outputs.Stack) (way *edgeclient.Client, err error) {
	if !told.Edge.Exists() {
		return edgeclient.Open(ctx, told, nil)
	}
	docker, err := engine.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	return edgeclient.Open(ctx, told, docker)
}
