package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/version"
)

// versions is the result of `version`.
type versions struct {
	version.Build
	Parts []version.Part `json:"parts"`
}

func newVersionCommand() *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "version",
		Short: "Show the version of the tool, and of what it deploys",
		Long: `version prints the version of this tool, which is also the Pulumi program, and the pinned versions
of Pulumi, its plugins, MLflow, Keycloak and PostgreSQL that go with it. A build that is not a
release is called devel, with its commit if that is known. status shows what a stack runs.`,
		Example: `  mlflow-sso version
  mlflow-sso --version
  mlflow-sso version --output json | jq -r .commit`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forAllStacks(cmd); err != nil {
				return err
			}
			parts, err := version.Parts()
			if err != nil {
				return err
			}
			return writeVersions(cmd.OutOrStdout(), versions{version.Current(), parts}, output)
		},
	}
	output.flag(command)
	return command
}

func writeVersions(w io.Writer, v versions, output format) error {
	if output == asJSON {
		return writeJSON(w, v)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "PART\tVERSION\nmlflow-sso (tool and program)\t%s\nGo\t%s, %s\n", v.Version, v.Go, v.Platform) // errors come at Flush
	for _, p := range v.Parts {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", p.Name, p.Version)
	}
	return table.Flush()
}

// useVersion adds --version, which prints one line.
func useVersion(root *cobra.Command) {
	root.Version = version.Current().Version
	root.Flags().Bool("version", false, "print the version of the tool")
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
}
