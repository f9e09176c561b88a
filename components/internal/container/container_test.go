package container

import (
	"net/netip"
	"testing"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

func right() *Args {
	return &Args{
		Deployment: "d", Component: "c", Image: pulumi.String("image"), Networks: []pulumi.StringInput{pulumi.String("n")},
		MemoryMB: 64, Restart: "no", StartSeconds: 60, StopSeconds: 10,
	}
}

func TestArgumentsNameEachOfTheirMistakes(t *testing.T) {
	require.NoError(t, right().Validate())
	require.ErrorContains(t, (*Args)(nil).Validate(), "args: got none")
	for want, change := range map[string]func(*Args){
		`Deployment is "", want a name`:                           func(a *Args) { a.Deployment = "" },
		`Component is "", want a name`:                            func(a *Args) { a.Component = "" },
		"Image is missing, want an image":                         func(a *Args) { a.Image = nil },
		"Networks is empty, want at least one":                    func(a *Args) { a.Networks = nil },
		"MemoryMB is 0, want more than 0":                         func(a *Args) { a.MemoryMB = 0 },
		`Restart is "", want a restart policy`:                    func(a *Args) { a.Restart = "" },
		"StartSeconds is -1, want more than 0":                    func(a *Args) { a.StartSeconds = -1 },
		"StopSeconds is 0, want more than 0: 0 kills immediately": func(a *Args) { a.StopSeconds = 0 },
	} {
		a := right()
		change(a)
		require.ErrorContains(t, a.Validate(), want)
	}
}

func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	err := (&Args{}).Validate()
	for _, name := range []string{"Deployment", "Component", "Image", "Networks", "MemoryMB", "Restart", "StartSeconds", "StopSeconds"} {
		require.ErrorContains(t, err, name)
	}
}

// The order of a map changes between runs: the graph must not.
func TestOrderOfMapsNeverShows(t *testing.T) {
	a := right()
	a.Env = map[string]pulumi.StringInput{"C": pulumi.String("3"), "A": pulumi.String("1"), "B": pulumi.String("2")}
	a.Publish = []Port{{Host: 8081, Container: 81}, {Host: 8080, Container: 80}}
	a.Volumes = map[string]pulumi.StringInput{"/b": pulumi.String("b"), "/a": pulumi.String("a")}
	for range 20 {
		require.Len(t, a.envs(), 3)
		ports, mounts := a.ports(), a.mounts()
		require.Equal(t, pulumi.Int(8080), ports[0].(docker.ContainerPortArgs).External)
		require.Equal(t, pulumi.Int(8081), ports[1].(docker.ContainerPortArgs).External)
		require.Equal(t, pulumi.String("/a"), mounts[0].(docker.ContainerMountArgs).Target)
		require.Equal(t, pulumi.String("/b"), mounts[1].(docker.ContainerMountArgs).Target)
	}
}

func TestAPortIsPublishedOnLoopbackUnlessItNamesAnotherAddress(t *testing.T) {
	a := right()
	a.Publish = []Port{{Host: 8080, Container: 1}, {Host: 80, Container: 2}, {Address: netip.IPv4Unspecified(), Host: 443, Container: 3}}
	var addresses []any
	for _, port := range a.ports() {
		addresses = append(addresses, port.(docker.ContainerPortArgs).Ip)
	}
	require.Equal(t, []any{pulumi.String("127.0.0.1"), pulumi.String("127.0.0.1"), pulumi.String("0.0.0.0")}, addresses)
}
