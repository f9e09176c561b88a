// Command pulumi-resource-random is the random plugin of Pulumi, assembled from
// its Terraform provider: see the README of the directory bootstrap.
package main

import (
	"context"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
)

func main() {
	// Code generators read the schema; the SDKs already exist, so a name is enough.
	pf.Main(context.Background(), name, Provider(), pf.ProviderMetadata{PackageSchema: []byte(`{"name":"random"}`)})
}
