package loginproof

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

type provider struct{ pulumi.ProviderResourceState }

func TestEveryMistakeInTheArgumentsIsReportedAtOnce(t *testing.T) {
	whole := Args{
		Provider: &provider{}, Mode: OnChange,
		Outputs: pulumi.Map{"deployment": pulumi.String("d")}, Triggers: pulumi.StringMap{"realm": pulumi.String("1")},
	}
	require.NoError(t, whole.Validate())
	always, never := whole, whole
	always.Mode, never.Mode = Always, Never
	require.NoError(t, always.Validate())
	for name, test := range map[string]struct {
		args     *Args
		mistakes int
	}{
		"no proof": {&never, 1},
		"empty":    {&Args{}, 4},
		"none":     {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.args.Validate()
			require.Error(t, err)
			require.Equal(t, test.mistakes, strings.Count(err.Error(), "args: "), err.Error())
		})
	}
}
