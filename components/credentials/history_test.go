package credentials

import (
	"encoding/base64"
	"maps"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

// roots returns a different value for each root secret.
type roots map[string]string

func (r roots) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, resource.PropertyMap{"base64": resource.NewProperty(r[args.Name])}, nil
}

func (roots) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

func TestAHistoryHasEveryEarlierValueOfEveryRootSecretByItsVersion(t *testing.T) {
	other := base64.StdEncoding.EncodeToString([]byte("another root of 32 bytes, really"))
	value := func(root string, generation int) string {
		key, err := Derive(root, MLflowGateway, generation)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(key)
	}
	var previous map[string]string
	var current, currentRoot string
	require.NoError(t, pulumi.RunErr(func(ctx *pulumi.Context) error {
		c, err := New(ctx, "c", &Args{Root: 2, Generations: map[Label]int{MLflowGateway: 2, Redis: 7}})
		require.NoError(t, err)
		h := c.History(MLflowGateway)
		require.Equal(t, "2.2", h.Version)
		secret := true
		pulumi.All(h.Previous, h.Value, c.Root()).ApplyT(func(all []any) error {
			previous, current, currentRoot = all[0].(map[string]string), all[1].(string), all[2].(string)
			return nil
		})
		for _, output := range []pulumi.Output{h.Previous, h.Value, c.Root()} {
			secret = secret && pulumi.IsSecret(output)
		}
		require.True(t, secret)
		return nil
	}, pulumi.WithMocks("p", "s", roots{"c-root": root, "c-root-2": other})))
	require.Equal(t, value(other, 2), current)
	require.Equal(t, other, currentRoot)
	require.Equal(t, map[string]string{"2.1": value(other, 1), "1.2": value(root, 2), "1.1": value(root, 1)}, previous)
	require.NotContains(t, slices.Collect(maps.Values(previous)), current)
}

func TestAVersionIsReadAsItIsWritten(t *testing.T) {
	for _, pair := range [][2]int{{1, 1}, {1, MostGenerations}, {2, 1}, {17, 42}, {MostGenerations, MostGenerations}} {
		text := Version(pair[0], pair[1])
		r, g, err := ParseVersion(text)
		require.NoError(t, err)
		require.Equal(t, pair, [2]int{r, g})
		require.Equal(t, text, VersionOfNumber(VersionNumber(r, g)))
	}
	for _, bad := range []string{"", "1", "1.", ".1", "0.1", "1.0", "1.1.1", "1.1000", "a.b", "-1.1"} {
		_, _, err := ParseVersion(bad)
		require.ErrorContains(t, err, "such as 1.1", "of %q", bad)
	}
}
