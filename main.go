// Command mlflow-sso as a Pulumi program: MLflow with single sign-on, and everything it needs, on
// one Docker host. `pulumi up` runs it.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/platform"
)

func main() {
	pulumi.Run(platform.WithPlugin(platform.WithLeftovers(platform.Program)))
}
