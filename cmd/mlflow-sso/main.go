// Command mlflow-sso is the operator's tool: it prepares a machine, deploys a stack,
// verifies its logins and its security, and tears the stack down again.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/cmd/mlflow-sso/internal/noquery"
	"github.com/mlflow-sso/mlflow-sso/internal/provider"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

func main() {
	noquery.Restore()
	// Pulumi starts the tool under another name as the project's own plugin.
	if provider.IsPlugin() {
		if err := provider.Main(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(exitFailed)
		}
		return
	}
	// Pulumi starts the tool as the program, so nothing is compiled twice.
	if os.Getenv(pulumi.EnvMonitor) != "" {
		pulumi.Run(platform.Program)
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
