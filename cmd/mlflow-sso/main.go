// Command mlflow-sso is the operator's tool: it prepares a machine, brings a
// stack up, proves that people can log in, and takes the stack down again.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessprovider"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

func main() {
	// Pulumi starts the tool under another name as its plugin for what MLflow knows.
	if accessprovider.IsPlugin() {
		if err := accessprovider.Main(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(exitFailed)
		}
		return
	}
	// Pulumi starts the tool itself as the program, which then needs no second compilation.
	if os.Getenv(pulumi.EnvMonitor) != "" {
		pulumi.Run(platform.Program)
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
