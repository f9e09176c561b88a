package toolchain

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

func TestEachBuildOfTheToolIsAPluginOfItsOwn(t *testing.T) {
	h, err := datadir.At(t.TempDir())
	require.NoError(t, err)
	tool := filepath.Join(t.TempDir(), "tool")
	installed := func(content string) string {
		t.Helper()
		require.NoError(t, os.WriteFile(tool, []byte(content), 0o700))
		folder, err := OwnPlugin(h, tool)
		require.NoError(t, err)
		found, err := os.ReadFile(filepath.Join(folder, pulumiplugin.Binary))
		require.NoError(t, err)
		require.Equal(t, content, string(found))
		return folder
	}
	first := installed("one")
	require.Equal(t, first, installed("one"))
	second := installed("two")
	require.NotEqual(t, first, second)
	kept, err := os.ReadFile(filepath.Join(first, pulumiplugin.Binary))
	require.NoError(t, err)
	require.Equal(t, "one", string(kept), "a command that runs keeps its plugin")
	left, err := filepath.Glob(filepath.Join(first, "*"))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestOnlyABuildThatNoCommandUsesIsRemoved(t *testing.T) {
	h, err := datadir.At(t.TempDir())
	require.NoError(t, err)
	tool := filepath.Join(t.TempDir(), "tool")
	var folders []string
	for _, content := range []string{"old", "recent", "now"} {
		require.NoError(t, os.WriteFile(tool, []byte(content), 0o700))
		folder, err := OwnPlugin(h, tool)
		require.NoError(t, err)
		folders = append(folders, folder)
	}
	before := time.Now().Add(-2 * ownPluginAge)
	require.NoError(t, os.Chtimes(folders[0], before, before))
	require.NoError(t, os.Chtimes(folders[2], before, before))
	_, err = OwnPlugin(h, tool)
	require.NoError(t, err)
	require.NoDirExists(t, folders[0])
	require.DirExists(t, folders[1])
	require.DirExists(t, folders[2], "the one in use")
}
