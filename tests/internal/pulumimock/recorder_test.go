package pulumimock

import (
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

const (
	rootType      = "random:index/randomBytes:RandomBytes"
	volumeType    = "docker:index/volume:Volume"
	containerType = "docker:index/container:Container"
	hidden        = "in the clear"
)

// program creates a secret and a container that gets it.
func program(ctx *pulumi.Context) error {
	root, err := random.NewRandomBytes(ctx, "root", &random.RandomBytesArgs{Length: pulumi.Int(32)}, pulumi.Protect(true))
	if err != nil {
		return err
	}
	volume, err := docker.NewVolume(ctx, "data", &docker.VolumeArgs{Name: pulumi.String("data")}, pulumi.RetainOnDelete(true))
	if err != nil {
		return err
	}
	made, err := docker.NewContainer(ctx, "server", &docker.ContainerArgs{
		Image: pulumi.String("image"),
		Envs:  pulumi.StringArray{pulumi.Sprintf("TOKEN=%s", pulumi.ToSecret(root.Base64)), pulumi.String("MODE=fast")},
		Name:  volume.Name,
	}, pulumi.DeletedWith(volume), pulumi.DependsOn([]pulumi.Resource{volume}),
		pulumi.IgnoreChanges([]string{"b", "a"}), pulumi.ReplaceOnChanges([]string{"envs"}), pulumi.DeleteBeforeReplace(true))
	if err != nil {
		return err
	}
	ctx.Export("server", pulumi.Map{"name": made.Name, "token": root.Base64, "list": pulumi.Array{pulumi.String("a"), root.Hex}})
	return nil
}

func withRoot() Option {
	return Compute(rootType, func(string, resource.PropertyMap) resource.PropertyMap {
		return resource.PropertyMap{"base64": resource.NewProperty(hidden), "hex": resource.NewProperty(hidden)}
	})
}

func TestEveryOptionOfAResourceIsRecorded(t *testing.T) {
	r, err := Run(t, program, withRoot())
	require.NoError(t, err)
	made := r.Get(t, containerType, "server")
	require.Equal(t, volumeType+"::data", made.DeletedWith)
	require.Equal(t, []string{volumeType + "::data", rootType + "::root"}, made.DependsOn)
	require.Equal(t, []string{"a", "b"}, made.IgnoreChanges)
	require.Equal(t, []string{"envs"}, made.ReplaceOnChanges)
	require.True(t, made.DeleteBeforeReplace)
	require.True(t, r.Get(t, rootType, "root").Protect)
	require.Equal(t, []string{"base64", "hex"}, r.Get(t, rootType, "root").SecretOutputs)
	require.True(t, r.Get(t, volumeType, "data").RetainOnDelete)
}

func TestSecretsAreNeverShownButCanBeAskedFor(t *testing.T) {
	r, err := Run(t, program, withRoot())
	require.NoError(t, err)
	shown, err := r.JSON()
	require.NoError(t, err)
	require.NotContains(t, string(shown), hidden)
	require.Contains(t, string(shown), `"TOKEN=[secret]"`)

	secret, ok := r.Get(t, containerType, "server").Input("envs[0]")
	require.True(t, ok)
	require.Equal(t, Leaf{Path: "envs[0]", Value: "TOKEN=" + hidden, Secret: true}, secret)
	plain, ok := r.Get(t, containerType, "server").Input("envs[1]")
	require.True(t, ok)
	require.False(t, plain.Secret)
}

func TestOutputsKeepApartWhatIsSecret(t *testing.T) {
	r, err := Run(t, program, withRoot())
	require.NoError(t, err)
	require.Equal(t, Leaf{Path: "server.name", Value: "data"}, r.Output(t, "server.name"))
	require.True(t, r.Output(t, "server.token").Secret)
	require.False(t, r.Output(t, "server.list[0]").Secret)
	require.True(t, r.Output(t, "server.list[1]").Secret)
}

func TestOutputsOfComponentsAreRecorded(t *testing.T) {
	r, err := Run(t, func(ctx *pulumi.Context) error {
		var c pulumi.ResourceState
		if err := ctx.RegisterComponentResource("test:index:Component", "c", &c); err != nil {
			return err
		}
		return ctx.RegisterResourceOutputs(&c, pulumi.Map{"open": pulumi.String("a"), "hidden": pulumi.ToSecret(hidden)})
	})
	require.NoError(t, err)
	made := r.Get(t, "test:index:Component", "c")
	require.Equal(t, map[string]any{"open": "a", "hidden": Secret}, made.Outputs)
	require.Equal(t, []Leaf{{Path: "hidden", Value: hidden, Secret: true}, {Path: "open", Value: "a"}}, made.Registered())
}

func TestPreviewLeavesUnknownWhatAProviderComputes(t *testing.T) {
	r, err := Run(t, program, withRoot(), DryRun())
	require.NoError(t, err)
	leaf, ok := r.Get(t, containerType, "server").Input("envs[0]")
	require.True(t, ok)
	require.True(t, leaf.Unknown)
	require.True(t, leaf.Secret, "what is unknown is still a secret")
	require.True(t, r.Output(t, "server.token").Unknown)
	require.Equal(t, "data", r.Output(t, "server.name").Value, "an input is known in a preview too")
}

func TestRecordingDoesNotDependOnTheOrderOfRegistrations(t *testing.T) {
	first, err := Run(t, program, withRoot())
	require.NoError(t, err)
	want, err := first.JSON()
	require.NoError(t, err)
	for range 20 {
		again, err := Run(t, program, withRoot())
		require.NoError(t, err)
		got, err := again.JSON()
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
}

func TestRefusedResourceFailsTheRunAndStopsWhatNeedsIt(t *testing.T) {
	for name, refuse := range map[string]Option{
		"type": FailResource(volumeType), "nth": FailNth(volumeType, 1), "name": FailNamed(volumeType, "data"),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Run(t, program, refuse)
			require.ErrorContains(t, err, ErrInjected.Error())
			for _, made := range r.Resources {
				require.NotEqual(t, containerType, made.Type, "the container needs the volume")
			}
		})
	}
}

func TestRefusalOfAnotherNumberOrNameLetsThrough(t *testing.T) {
	for _, option := range []Option{FailNth(volumeType, 2), FailNamed(volumeType, "other"), FailNamed(rootType, "data")} {
		_, err := Run(t, program, withRoot(), option)
		require.NoError(t, err)
	}
}

func TestSameTypeAndNameTwiceIsAnError(t *testing.T) {
	_, err := Run(t, func(ctx *pulumi.Context) error {
		for range 2 {
			if _, err := docker.NewVolume(ctx, "data", &docker.VolumeArgs{}); err != nil {
				return err
			}
		}
		return nil
	})
	require.ErrorContains(t, err, volumeType+"::data twice")
}

func TestRunIgnoresWhatThePulumiCommandLeftInTheEnvironment(t *testing.T) {
	t.Setenv(pulumi.EnvDryRun, "true")
	t.Setenv(pulumi.EnvConfig, `{"project:key":"from outside"}`)
	_, err := Run(t, func(ctx *pulumi.Context) error {
		require.False(t, ctx.DryRun())
		value, _ := ctx.GetConfig("project:key")
		require.Equal(t, "from the test", value)
		require.True(t, ctx.IsConfigSecret("project:key"))
		return nil
	}, Config(map[string]string{"project:key": "from the test"}), Encrypted("project:key"))
	require.NoError(t, err)
}

func TestStackFileHasTheDefaultsOfTheProjectAndNeedsNoPassphrase(t *testing.T) {
	values, secretKeys, err := StackFile(filepath.Join("testdata", "Pulumi.yaml"), filepath.Join("testdata", "Pulumi.test.yaml"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"fixture:name": "from the stack", "fixture:flag": "false", "fixture:text": "default",
		"fixture:object": `{"a":1,"b":["c"]}`, "fixture:empty": "{}", "fixture:hidden": "[secret]",
	}, values)
	require.Equal(t, []string{"fixture:hidden"}, secretKeys)
}
