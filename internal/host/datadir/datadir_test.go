package datadir

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLocateReturnsTheMostSpecificPath(t *testing.T) {
	passwd := func() (string, error) { return "/passwd/home", nil }
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"override":                   {map[string]string{Variable: "/over", "XDG_DATA_HOME": "/xdg", "HOME": "/h"}, "/over"},
		"xdg":                        {map[string]string{"XDG_DATA_HOME": "/xdg", "HOME": "/h"}, "/xdg/mlflow-sso"},
		"a relative xdg":             {map[string]string{"XDG_DATA_HOME": "xdg", "HOME": "/h"}, "/h/.local/share/mlflow-sso"},
		"home":                       {map[string]string{"HOME": "/h"}, "/h/.local/share/mlflow-sso"},
		"nothing in the environment": {nil, "/passwd/home/.local/share/mlflow-sso"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := locate(func(key string) string { return test.env[key] }, passwd)
			require.NoError(t, err)
			require.Equal(t, test.want, dir)
		})
	}
}

func TestLocateWithoutAnyHomeNamesTheVariableToSet(t *testing.T) {
	_, err := locate(func(string) string { return "" }, func() (string, error) { return "", errors.New("no such user") })

	require.ErrorContains(t, err, "no such user")
	require.ErrorContains(t, err, Variable)
}

func TestOpenRefusesARelativeDirectory(t *testing.T) {
	t.Setenv(Variable, "here")

	_, err := Open()

	require.ErrorContains(t, err, "absolute")
}

func TestOpenLeavesNoDirectoryThatOthersMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "home")
	t.Setenv(Variable, dir)
	_, err := Open()
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Join(dir, "state"), 0o755)) // permissions were loosened

	h, err := Open()

	require.NoError(t, err)
	require.Equal(t, dir, h.Dir())
	for _, private := range []string{h.Dir(), h.Toolchain(), h.Bin(), h.Pulumi(), h.State(), h.Stacks()} {
		found, err := os.Stat(private)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), found.Mode().Perm(), private)
	}
	require.Equal(t, filepath.Join(h.Stacks(), "dev"), h.Stack("dev"))
}

func TestOpenRefusesADirectoryThatOthersMayWriteToAndNeverChangesItsMode(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	t.Setenv(Variable, dir)

	_, err := Open()

	require.ErrorContains(t, err, "chmod go-w")
	found, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o777), found.Mode().Perm())
}

func TestThePassphraseIsCreatedOnceForItsOwnerOnly(t *testing.T) {
	h, err := At(t.TempDir())
	require.NoError(t, err)
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() { _ = h.EnsurePassphrase() })
	}
	together.Wait()
	first, err := os.ReadFile(h.Passphrase())
	require.NoError(t, err)

	require.NoError(t, h.EnsurePassphrase())

	second, err := os.ReadFile(h.Passphrase())
	require.NoError(t, err)
	require.Equal(t, first, second)
	random, err := base64.StdEncoding.DecodeString(string(first))
	require.NoError(t, err)
	require.Len(t, random, passphraseBytes)
	found, err := os.Stat(h.Passphrase())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), found.Mode().Perm())
	left, err := filepath.Glob(filepath.Join(h.Dir(), ".passphrase-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTwoHomesNeverShareAPassphrase(t *testing.T) {
	read := func() string {
		h, err := At(t.TempDir())
		require.NoError(t, err)
		require.NoError(t, h.EnsurePassphrase())
		text, err := os.ReadFile(h.Passphrase())
		require.NoError(t, err)
		return string(text)
	}

	one, other := read(), read()
	require.False(t, one == other) // not NotEqual, which would print them
}

func TestAPassphraseThatOthersMayReadOrThatIsEmptyIsRefused(t *testing.T) {
	h, err := At(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(h.Passphrase(), nil, 0o600))
	require.ErrorContains(t, h.EnsurePassphrase(), "empty")

	require.NoError(t, os.WriteFile(h.Passphrase(), []byte("x"), 0o600))
	require.NoError(t, os.Chmod(h.Passphrase(), 0o644))
	require.ErrorContains(t, h.EnsurePassphrase(), "chmod 0600")
}
