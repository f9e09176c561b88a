package image

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// folder is a build context with a few files.
func folder(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, "Dockerfile", "FROM base\n", 0o644)
	write(t, root, "entrypoint", "#!/bin/sh\n", 0o755)
	write(t, root, "conf/a", "a", 0o644)
	return root
}

func write(t *testing.T, root, name, text string, mode fs.FileMode) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
}

func hash(t *testing.T, root string) string {
	t.Helper()
	sum, err := Hash(root, "base", "")
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{64}$`, sum)
	return sum
}

func TestEveryChangeOfABuildContextIsANewHash(t *testing.T) {
	before := hash(t, folder(t))
	for name, change := range map[string]func(t *testing.T, root string){
		"content": func(t *testing.T, root string) { write(t, root, "Dockerfile", "FROM base \n", 0o644) },
		"mode": func(t *testing.T, root string) {
			require.NoError(t, os.Chmod(filepath.Join(root, "entrypoint"), 0o644))
		},
		"new file":  func(t *testing.T, root string) { write(t, root, "new", "", 0o644) },
		"file gone": func(t *testing.T, root string) { require.NoError(t, os.Remove(filepath.Join(root, "conf", "a"))) },
		"file renamed": func(t *testing.T, root string) {
			require.NoError(t, os.Rename(filepath.Join(root, "conf", "a"), filepath.Join(root, "conf", "b")))
		},
		"content swapped": func(t *testing.T, root string) {
			write(t, root, "Dockerfile", "#!/bin/sh\n", 0o644)
			write(t, root, "entrypoint", "FROM base\n", 0o755)
		},
		// The end of one file and the name of the next must not be ambiguous.
		"content moved": func(t *testing.T, root string) {
			write(t, root, "Dockerfile", "FROM base\n#!/bin/sh\n", 0o644)
			write(t, root, "entrypoint", "", 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := folder(t)
			change(t, root)
			require.NotEqual(t, before, hash(t, root))
		})
	}
	other, err := Hash(folder(t), "another base", "")
	require.NoError(t, err)
	require.NotEqual(t, before, other)
}

func TestTwoClonesHaveOneHash(t *testing.T) {
	one, two := folder(t), t.TempDir()
	// Another order, other times, other permissions of group and others.
	write(t, two, "conf/a", "a", 0o600)
	write(t, two, "entrypoint", "#!/bin/sh\n", 0o700)
	write(t, two, "Dockerfile", "FROM base\n", 0o664)
	require.NoError(t, os.Chtimes(filepath.Join(two, "Dockerfile"), time.Unix(0, 0), time.Unix(0, 0)))
	require.Equal(t, hash(t, one), hash(t, two))
}

func TestContextThatCannotBeBuiltIsNamed(t *testing.T) {
	_, err := Hash(filepath.Join(t.TempDir(), "missing"), "base", "")
	require.ErrorContains(t, err, "missing")
	_, err = Hash(t.TempDir(), "base", "")
	require.ErrorContains(t, err, "want at least a Dockerfile")

	root := folder(t)
	require.NoError(t, os.Symlink("Dockerfile", filepath.Join(root, "link")))
	_, err = Hash(root, "base", "")
	require.ErrorContains(t, err, "link: got L")
}

func TestAnotherDayOfDebiansPackagesIsANewHash(t *testing.T) {
	root := folder(t)
	seen := map[string]bool{}
	for _, date := range []string{"", "2026-11-27", "2026-11-28"} {
		sum, err := Hash(root, "base", date)
		require.NoError(t, err)
		require.False(t, seen[sum], date)
		seen[sum] = true
	}
}

func TestABuildGetsTheDayOnlyWhereThereIsOne(t *testing.T) {
	require.Equal(t, map[string]string{"BASE": "b"}, (&Args{Base: "b"}).buildArgs())
	require.Equal(t, map[string]string{"BASE": "b", "DATE": "2026-11-27"}, (&Args{Base: "b", Date: "2026-11-27"}).buildArgs())
}
