// Command mlflow-sso is the operator's tool: it prepares a machine, brings a
// stack up, proves that people can log in, and takes the stack down again.
package main

import (
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/platform"
)

func main() {
	// Pulumi starts the tool itself as the program, which then needs no second compilation.
	if os.Getenv(pulumi.EnvMonitor) != "" {
		pulumi.Run(platform.Program)
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
