package apt

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// machine returns a root directory with the given files.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return root
}

const bookworm = "ID=debian\nVERSION_CODENAME=bookworm\n"

func TestMirrorIsTheMainArchiveAndNeverAnotherOne(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"stanzas with comments": {map[string]string{
			"etc/os-release": bookworm,
			"etc/apt/sources.list.d/a.sources": "Types: deb\nURIs: http://security.example/debian-security\nSuites: bookworm-security\nComponents: main\n\n" +
				"Types: deb deb-src\n# URIs: http://snapshot.example/debian\nURIs: http://mirror.example/debian/\nSuites: bookworm bookworm-updates\nComponents: main\n",
		}, "http://mirror.example/debian"},
		"lines with options": {map[string]string{
			"etc/os-release": bookworm,
			"etc/apt/sources.list": "# deb http://commented.example/debian bookworm main\n" +
				"deb http://tools.example/apt tools-bookworm main\n" +
				"deb [signed-by=/x.gpg arch=amd64] https://mirror.example/debian bookworm main contrib # mine\n",
		}, "https://mirror.example/debian"},
		"a stanza that is switched off": {map[string]string{
			"etc/os-release":                   bookworm,
			"etc/apt/sources.list.d/a.sources": "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n",
		}, DefaultMirror},
		"a field over two lines": {map[string]string{
			"etc/os-release":                   bookworm,
			"etc/apt/sources.list.d/a.sources": "Types: deb\nURIs:\n http://mirror.example/debian\nSuites: bookworm\nComponents: main\n",
		}, "http://mirror.example/debian"},
		"a disc": {map[string]string{
			"etc/os-release": bookworm, "etc/apt/sources.list": "deb cdrom:[Debian]/ bookworm main\n",
		}, DefaultMirror},
		"another system": {map[string]string{
			"etc/os-release": "ID=ubuntu\nVERSION_CODENAME=noble\n", "etc/apt/sources.list": "deb http://mirror.example/ubuntu noble main\n",
		}, DefaultMirror},
		"nothing": {nil, DefaultMirror},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, mirror(machine(t, test.files)))
		})
	}
}

func TestACommandFindsItsHelpersWithAnyPATH(t *testing.T) {
	t.Setenv("PATH", "/nowhere")

	command := Command(context.Background(), "sh", "-c", "true")

	require.NoError(t, command.Run())
	require.True(t, slices.ContainsFunc(command.Env, func(pair string) bool {
		return pair == "PATH=/nowhere:"+adminPath
	}))
}

func TestInstallRefusesBeforeItChangesAnything(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may install")
	}
	require.ErrorIs(t, Install(context.Background(), os.Stderr, "hello"), ErrCannotInstall)
}

func TestTheSecurityMirrorIsTheOneOfTheSecuritySuiteAndNeverTheMainArchive(t *testing.T) {
	const main = "deb http://mirror.example/debian bookworm main\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"stanza": {map[string]string{
			"etc/os-release": bookworm,
			"etc/apt/sources.list.d/a.sources": "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n\n" +
				"Types: deb\nURIs: http://security.example/debian-security/\nSuites: bookworm-security\nComponents: main\n",
		}, "http://security.example/debian-security"},
		"line":           {map[string]string{"etc/os-release": bookworm, "etc/apt/sources.list": main + "deb http://security.example/s bookworm-security main\n"}, "http://security.example/s"},
		"main alone":     {map[string]string{"etc/os-release": bookworm, "etc/apt/sources.list": main}, DefaultSecurityMirror},
		"another system": {map[string]string{"etc/os-release": "ID=ubuntu\nVERSION_CODENAME=noble\n", "etc/apt/sources.list": "deb http://mirror.example/ubuntu noble-security main\n"}, DefaultSecurityMirror},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, securityMirror(machine(t, test.files)))
		})
	}
}
