package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

func TestAFolderWithoutAPolicyPackIsRefusedBeforeAnythingRuns(t *testing.T) {
	for _, command := range []string{"preview", "up"} {
		home := t.TempDir()
		t.Setenv(datadir.Variable, home)
		empty := t.TempDir()
		var stderr bytes.Buffer

		code := run([]string{command, "--policy-pack", "/no/such", "--policy-pack", empty}, io.Discard, &stderr)

		require.Equal(t, exitUsage, code, stderr.String())
		require.Contains(t, stderr.String(), "got /no/such, want a folder with a PulumiPolicy.yaml")
		require.Contains(t, stderr.String(), empty, "all mistakes at once")
		require.NoDirExists(t, filepath.Join(home, "toolchain"))
	}
}

func TestPulumiGetsPolicyPacksByAbsolutePaths(t *testing.T) {
	pack := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(pack, policyPackFile), []byte("runtime: go\n"), 0o600))
	t.Chdir(filepath.Dir(pack))
	flags := policyPacks{[]string{filepath.Base(pack)}}

	all, err := flags.absolute()

	require.NoError(t, err)
	require.Equal(t, []string{pack}, all)
}
