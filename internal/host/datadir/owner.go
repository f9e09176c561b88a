package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// ofAnotherAccount says whose a directory is that this account may not use, and how to use it: the
// state and the passphrase in it are for one account, which several people can share with sudo.
func ofAnotherAccount(dir string, err error) string {
	if !errors.Is(err, fs.ErrPermission) {
		return ""
	}
	owner, ok := ownerOf(dir)
	if !ok || owner.Uid == strconv.Itoa(os.Geteuid()) {
		return ""
	}
	return fmt.Sprintf(". It belongs to %[1]s: run this as that account, such as with `sudo --user=%[1]s --set-home` (docs/how-to/manage-state.md)", owner.Username)
}

// ownerOf is the account that owns a path, or the nearest directory above it that can be seen.
func ownerOf(path string) (*user.User, bool) {
	for ; ; path = filepath.Dir(path) {
		if found, err := os.Stat(path); err == nil {
			status, ok := found.Sys().(*syscall.Stat_t)
			if !ok {
				return nil, false
			}
			owner, err := user.LookupId(strconv.FormatUint(uint64(status.Uid), 10))
			return owner, err == nil
		}
		if path == filepath.Dir(path) {
			return nil, false
		}
	}
}
