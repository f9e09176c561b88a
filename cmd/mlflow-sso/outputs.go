package main

import "github.com/spf13/cobra"

func newOutputsCommand(which *stackFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "outputs",
		Short: "Show the stack outputs as JSON, including secrets in plain text",
		Long: `outputs prints the addresses, names and credentials of a stack as JSON, for scripts. It reads
the encrypted state and contacts no service.`,
		Example: `  mlflow-sso outputs | jq -r .mlflow.url
  mlflow-sso outputs --stack prod | ssh host mlflow-sso verify --outputs -`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the state cannot be read"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := outputsInState(cmd.Context(), *which)
			if err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), all)
		},
	}
}
