package mlflow

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

func TestEveryMistakeInAKeyIsReportedAtOnce(t *testing.T) {
	whole := EncryptionKeyArgs{
		Provider: &pulumi.ProviderResourceState{}, Container: "d-mlflow",
		Key: Key{Label: "mlflow/gateway-key", Version: "1.1", Value: pulumi.String("v"), Previous: pulumi.StringMap{}},
	}
	require.NoError(t, whole.Validate())
	for mistakes, args := range map[int]*EncryptionKeyArgs{1: nil, 5: {}} {
		err := args.Validate()
		require.Error(t, err)
		require.Equal(t, mistakes, strings.Count(err.Error(), "args: "), err.Error())
	}
}
