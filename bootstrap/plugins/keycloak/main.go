// Command pulumi-resource-keycloak is the Keycloak plugin of Pulumi, assembled
// from its Terraform provider: see the README of the directory bootstrap.
package main

import "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"

func main() {
	// Code generators read the schema; the SDKs already exist, so a name is enough.
	tfbridge.Main(name, version, Provider(), []byte(`{"name":"keycloak"}`))
}
