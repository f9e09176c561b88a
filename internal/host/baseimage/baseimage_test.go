package baseimage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func TestTheHashChangesWithEveryAuthorityAndWithNothingElse(t *testing.T) {
	dir := t.TempDir()
	hash := func() string {
		from, err := readInputs(dir)
		require.NoError(t, err)
		return from.hash()
	}
	empty := hash()
	put(t, filepath.Join(dir, "notes.txt"), "not a certificate")
	require.Equal(t, empty, hash())

	put(t, filepath.Join(dir, "company", "root.crt"), "one")
	one := hash()
	require.NotEqual(t, empty, one)
	require.Equal(t, one, hash())

	put(t, filepath.Join(dir, "company", "root.crt"), "two")
	require.NotEqual(t, one, hash())
}

func TestAMachineWithoutItsOwnAuthoritiesIsNotAnError(t *testing.T) {
	from, err := readInputs(filepath.Join(t.TempDir(), "none"))

	require.NoError(t, err)
	require.Empty(t, from.certificates)
	require.NotEmpty(t, from.hash())
}

func TestTrimLeavesNothingOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	gone := []string{
		"etc/hostname", "etc/resolv.conf", "var/cache/apt/archives/a.deb", "var/lib/apt/lists/x_Packages",
		"var/lib/apt/lists/partial/y", "var/log/bootstrap.log",
	}
	for _, name := range append([]string{"etc/passwd", "var/lib/dpkg/status"}, gone...) {
		put(t, filepath.Join(dir, name), "x")
	}

	require.NoError(t, trim(dir))

	for _, name := range gone {
		require.NoFileExists(t, filepath.Join(dir, name))
	}
	require.FileExists(t, filepath.Join(dir, "etc/passwd"))
	require.FileExists(t, filepath.Join(dir, "var/lib/dpkg/status"))
}

func TestAnErrorInTheEnginesResponseIsNeverASuccess(t *testing.T) {
	require.NoError(t, streamError(strings.NewReader(`{"status":"sha256:1"}`+"\n")))
	require.EqualError(t, streamError(strings.NewReader(`{"status":"x"}{"error":"no space left"}`)), "no space left")
	require.Error(t, streamError(strings.NewReader(`{"status":`)))
}

func TestImagesInstallSecurityUpdates(t *testing.T) {
	require.Equal(t, "deb http://a.example/debian trixie main\ndeb http://b.example/security trixie-security main\n",
		sources("http://a.example/debian", "http://b.example/security"))
}
