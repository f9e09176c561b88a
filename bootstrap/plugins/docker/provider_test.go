package main

import (
	"testing"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"

	"github.com/mlflow-sso/mlflow-sso/bootstrap/plugins/sdkmatch"
)

// sdk are the SDK's arguments for each resource, by token.
var sdk = map[string]sdkmatch.Arguments{
	sdkmatch.ProviderToken:                     docker.ProviderArgs{},
	"docker:index/serviceConfig:ServiceConfig": docker.ServiceConfigArgs{},
	"docker:index/container:Container":         docker.ContainerArgs{},
	"docker:index/remoteImage:RemoteImage":     docker.RemoteImageArgs{},
	"docker:index/network:Network":             docker.NetworkArgs{},
	"docker:index/plugin:Plugin":               docker.PluginArgs{},
	"docker:index/registryImage:RegistryImage": docker.RegistryImageArgs{},
	"docker:index/secret:Secret":               docker.SecretArgs{},
	"docker:index/service:Service":             docker.ServiceArgs{},
	"docker:index/tag:Tag":                     docker.TagArgs{},
	"docker:index/volume:Volume":               docker.VolumeArgs{},
}

func TestEveryPropertyHasTheNameThatTheSDKGivesIt(t *testing.T) {
	sdkmatch.Require(t, Provider(), sdk)
}
