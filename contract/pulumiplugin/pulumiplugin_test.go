package pulumiplugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAMissingPluginIsReportedWithTheCommandThatBuildsIt(t *testing.T) {
	t.Setenv(FolderVariable, "")
	t.Chdir(t.TempDir())
	require.ErrorContains(t, Check(), "make plugin")
	file := filepath.Join(Folder, Binary)
	require.NoError(t, os.MkdirAll(Folder, 0o755))
	require.NoError(t, os.Symlink("removed", file))
	require.ErrorContains(t, Check(), "make plugin", "a link to nothing is no plugin")
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, Check(), "not an executable file")
	require.NoError(t, os.Chmod(file, 0o700))
	require.NoError(t, Check())
}

func TestTheToolNamesAnotherFolder(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(FolderVariable, folder)
	require.ErrorContains(t, Check(), folder)
	require.NoError(t, os.WriteFile(filepath.Join(folder, Binary), nil, 0o700))
	require.NoError(t, Check())
}
