package workingcopy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func TestFindWalksPastTheGoModOfAnotherModule(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "// a comment\nmodule "+Module+"\n\ngo 1.26.0\n")
	write(t, filepath.Join(root, "bootstrap", "pulumi", "go.mod"), "module "+Module+"/bootstrap/pulumi\n")

	found, err := Find(filepath.Join(root, "bootstrap", "pulumi"))

	require.NoError(t, err)
	require.Equal(t, root, found)
}

func TestFindOutsideTheRepositoryReportsWhatItWanted(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.org/other\n")

	_, err := Find(dir)

	require.ErrorContains(t, err, Module)
	require.ErrorContains(t, err, dir)
}

func TestFindFromThisPackageGivesADirectoryWithTheProgram(t *testing.T) {
	root, err := Find(".")

	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "Pulumi.yaml"))
}
