package sdkmatch

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/differences.txt again, and fail")

// Require fails unless the differences between plugin and SDK equal those in
// testdata/differences.txt: names that only one of them has because the available Terraform
// provider is older or newer than the SDK's. Two similar names, one on each side, indicate a
// wrong mapping.
func Require(t *testing.T, info tfbridge.ProviderInfo, sdk map[string]Arguments) {
	t.Helper()
	onlySDK, onlyPlugin, err := Compare(info, sdk)
	require.NoError(t, err)
	var found strings.Builder
	for _, property := range onlySDK {
		_, _ = fmt.Fprintln(&found, "only in the SDK:", property)
	}
	for _, property := range onlyPlugin {
		_, _ = fmt.Fprintln(&found, "only in the plugin:", property)
	}
	golden := filepath.Join("testdata", "differences.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(found.String()), 0o644))
		t.Fatalf("%s is written; check what changed and run the test without -update", golden)
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), found.String())
}
