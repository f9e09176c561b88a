package main

import "github.com/spf13/cobra"

func newOutputsCommand() *cobra.Command {
	var which stackFlags
	command := &cobra.Command{
		Use:   "outputs",
		Short: "Show all that a stack tells about itself, as JSON, secrets in clear",
		Long: `outputs shows the addresses, names and credentials of a stack as JSON, for scripts. It reads
the encrypted state and asks no service.`,
		Example: `  mlflow-sso outputs | jq -r .mlflow.url
  mlflow-sso outputs --stack prod | ssh somewhere mlflow-sso verify --outputs -`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			told, err := outputsInState(cmd.Context(), which)
			if err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), told)
		},
	}
	which.flags(command.Flags())
	return command
}
