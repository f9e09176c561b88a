package main

import (
	"testing"

	"github.com/pulumi/pulumi-random/sdk/v4/go/random"

	"github.com/mlflow-sso/mlflow-sso/bootstrap/plugins/sdkmatch"
)

// sdk are the SDK's arguments for each resource, by token.
var sdk = map[string]sdkmatch.Arguments{
	sdkmatch.ProviderToken:                       random.ProviderArgs{},
	"random:index/randomBytes:RandomBytes":       random.RandomBytesArgs{},
	"random:index/randomId:RandomId":             random.RandomIdArgs{},
	"random:index/randomInteger:RandomInteger":   random.RandomIntegerArgs{},
	"random:index/randomPassword:RandomPassword": random.RandomPasswordArgs{},
	"random:index/randomPet:RandomPet":           random.RandomPetArgs{},
	"random:index/randomShuffle:RandomShuffle":   random.RandomShuffleArgs{},
	"random:index/randomString:RandomString":     random.RandomStringArgs{},
	"random:index/randomUuid:RandomUuid":         random.RandomUuidArgs{},
}

func TestEveryPropertyHasTheNameThatTheSDKGivesIt(t *testing.T) {
	sdkmatch.Require(t, Provider(), sdk)
}
