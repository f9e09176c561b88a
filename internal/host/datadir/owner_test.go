package datadir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADirectoryOfAnotherAccountNamesTheAccount(t *testing.T) {
	if os.Geteuid() == 0 {
		// Root may use every directory; another account's is one of Debian's own.
		folder := t.TempDir()
		require.NoError(t, os.Chown(folder, 1, 1)) // daemon
		text := ofAnotherAccount(filepath.Join(folder, "not", "there"), &fs.PathError{Op: "mkdir", Path: folder, Err: fs.ErrPermission})
		require.Contains(t, text, "It belongs to daemon: ")
		require.Contains(t, text, "sudo --user=daemon --set-home")
	} else {
		_, err := At("/root/of-another-account")
		require.ErrorContains(t, err, "It belongs to root: ")
	}
	require.Empty(t, ofAnotherAccount(t.TempDir(), fs.ErrPermission), "one's own")
	require.Empty(t, ofAnotherAccount("/", errors.New("no space left on device")))
}

func TestLookingForTheDirectoryMakesNone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	t.Setenv(Variable, dir)
	at, ok := Existing()
	require.False(t, ok)
	require.Equal(t, dir, at.Dir())
	require.Equal(t, dir, Place())
	require.NoDirExists(t, dir)

	_, err := Open()
	require.NoError(t, err)
	_, ok = Existing()
	require.True(t, ok)

	t.Setenv(Variable, "relative")
	_, ok = Existing()
	require.False(t, ok)
}
