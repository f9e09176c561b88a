package datadir

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatACommandLeftBehindIsRemovedAndWhatRunsIsNot(t *testing.T) {
	h, err := At(t.TempDir())
	require.NoError(t, err)
	dir, err := h.Temporary()
	require.NoError(t, err)
	left, used := filepath.Join(dir, "pulumi-go.1"), filepath.Join(dir, "pulumi-go.2")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "go-build1", "b001"), 0o700))
	for _, file := range []string{left, used} {
		require.NoError(t, os.WriteFile(file, []byte("x"), 0o700))
	}
	old := time.Now().Add(-2 * stale)
	for _, path := range []string{left, filepath.Join(dir, "go-build1")} {
		require.NoError(t, os.Chtimes(path, old, old))
	}

	_, err = h.Temporary()

	require.NoError(t, err)
	require.NoFileExists(t, left)
	require.NoDirExists(t, filepath.Join(dir, "go-build1"))
	require.FileExists(t, used)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}
