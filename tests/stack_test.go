// Package tests tests the whole program without Docker and Pulumi's engine, on the
// resource graph recorded from the real stack files.
package tests

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/platform"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// Types of resources that the tests ask for.
const (
	containerType = "docker:index/container:Container"
	imageType     = "docker:index/remoteImage:RemoteImage"
	networkType   = "docker:index/network:Network"
	volumeType    = "docker:index/volume:Volume"
	rootType      = "random:index/randomBytes:RandomBytes"
	providerType  = "pulumi:providers:keycloak"
	realmType     = "keycloak:index/realm:Realm"
	eventsType    = "keycloak:index/realmEvents:RealmEvents"
	clientType    = "keycloak:openid/client:Client"
	groupType     = "keycloak:index/group:Group"
	userType      = "keycloak:index/user:User"
	mapperType    = "keycloak:openid/groupMembershipProtocolMapper:GroupMembershipProtocolMapper"
	audienceType  = "keycloak:openid/audienceProtocolMapper:AudienceProtocolMapper"
)

// here is this package's folder; tests change the working folder.
var here, _ = os.Getwd()

func inRepository(name string) string { return filepath.Join(here, "..", name) }

// fakeRoot is the root secret of every recorded stack: 32 bytes that are easy to recognize, in
// base64.
var fakeRoot = base64.StdEncoding.EncodeToString([]byte("fake root secret of 32 bytes ..."))

// stacks are the stack files of the repository.
var stacks = []string{"dev", "prod"}

// forEachStack runs a test with the recording of each stack file.
func forEachStack(t *testing.T, test func(t *testing.T, stack string, r *pulumimock.Recording)) {
	t.Helper()
	for _, stack := range stacks {
		t.Run(stack, func(t *testing.T) {
			r, err := run(t, stack)
			require.NoError(t, err)
			test(t, stack, r)
		})
	}
}

// run records the real program with a real stack file.
func run(t *testing.T, stack string, options ...pulumimock.Option) (*pulumimock.Recording, error) {
	t.Helper()
	values, secretKeys, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi."+stack+".yaml"))
	require.NoError(t, err)
	require.Empty(t, secretKeys, "no setting is a secret")
	return runWith(t, values, options...)
}

// runWith records the real program with the test's own settings.
func runWith(t *testing.T, values map[string]string, options ...pulumimock.Option) (*pulumimock.Recording, error) {
	t.Helper()
	// The program builds from "images" below its folder: here these are stubs.
	t.Chdir(filepath.Join(here, "testdata"))
	return pulumimock.Run(t, platform.Program, append(providers(), append(options, pulumimock.Config(values))...)...)
}

// providers respond with what the real ones would compute.
func providers() []pulumimock.Option {
	return []pulumimock.Option{
		pulumimock.Compute(rootType, func(string, resource.PropertyMap) resource.PropertyMap {
			return resource.PropertyMap{"base64": resource.NewProperty(fakeRoot)}
		}),
		pulumimock.Compute(imageType, func(name string, _ resource.PropertyMap) resource.PropertyMap {
			sum := sha256.Sum256([]byte(name))
			return resource.PropertyMap{"imageId": resource.NewProperty("sha256:" + hex.EncodeToString(sum[:]))}
		}),
	}
}

// settings are the typed settings of a stack file.
func settings(t *testing.T, stack string) *config.Config {
	t.Helper()
	c, err := config.LoadFile(inRepository("Pulumi.yaml"), inRepository("Pulumi."+stack+".yaml"))
	require.NoError(t, err)
	return c
}

// settingsFrom are the typed settings of values by their full keys.
func settingsFrom(t *testing.T, values map[string]string) *config.Config {
	t.Helper()
	c, err := config.Parse(config.Source{
		Keys:     slices.Collect(maps.Keys(values)),
		Get:      func(key string) (string, bool) { text, set := values[key]; return text, set },
		IsSecret: func(string) bool { return false },
	})
	require.NoError(t, err)
	return c
}

// password and fernet are a credential of a recorded stack in its two forms.
func password(t *testing.T, label credentials.Label) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString(derive(t, label))
}

func fernet(t *testing.T, label credentials.Label) string {
	t.Helper()
	return base64.URLEncoding.EncodeToString(derive(t, label))
}

func derive(t *testing.T, label credentials.Label) []byte {
	t.Helper()
	key, err := credentials.Derive(fakeRoot, label, 1)
	require.NoError(t, err)
	return key
}

// environment is the environment of a container, by name.
func environment(t *testing.T, container pulumimock.Resource) map[string]pulumimock.Leaf {
	t.Helper()
	all := map[string]pulumimock.Leaf{}
	for _, leaf := range container.Leaves() {
		if !strings.HasPrefix(leaf.Path, "envs[") {
			continue
		}
		name, value, ok := strings.Cut(leaf.Text(), "=")
		require.True(t, ok, "got the variable %q of %s, want NAME=value", leaf.Path, container.Name)
		require.NotContains(t, all, name, "%s is given %s twice", container.Name, name)
		leaf.Value = value
		all[name] = leaf
	}
	require.NotEmpty(t, all, "%s is given nothing", container.Name)
	return all
}

// service is the container of a component.
func service(t *testing.T, r *pulumimock.Recording, component string) pulumimock.Resource {
	t.Helper()
	return r.Get(t, containerType, component+"-container")
}

// variable returns one variable of a component's container, or fails the test.
func variable(t *testing.T, r *pulumimock.Recording, component, name string) pulumimock.Leaf {
	t.Helper()
	leaf, ok := environment(t, service(t, r, component))[name]
	require.True(t, ok, "%s is not given %s", component, name)
	return leaf
}

// input returns one scalar input of a resource, or fails the test.
func input(t *testing.T, made pulumimock.Resource, path string) pulumimock.Leaf {
	t.Helper()
	leaf, ok := made.Input(path)
	require.True(t, ok, "%s has no %s", made.Key(), path)
	return leaf
}
