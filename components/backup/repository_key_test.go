package backup

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

func TestEveryMistakeInAKeyIsReportedAtOnce(t *testing.T) {
	whole := RepositoryKeyArgs{Provider: &pulumi.ProviderResourceState{}, Container: "d-backup", Key: Key{
		Version: "1.1", Value: pulumi.String("v"), Previous: pulumi.StringMap{}, RootSecret: pulumi.String("r"),
		PassphraseFile: "/p", PassphraseDigest: pulumi.String("d"),
	}}
	require.NoError(t, whole.Validate())
	for mistakes, args := range map[int]*RepositoryKeyArgs{1: nil, 6: {}} {
		err := args.Validate()
		require.Error(t, err)
		require.Equal(t, mistakes, strings.Count(err.Error(), "args: "), err.Error())
	}
}
