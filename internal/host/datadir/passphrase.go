package datadir

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// passphraseBytes is the number of random bytes in the passphrase.
const passphraseBytes = 32

// Passphrase is the path of the file with the passphrase of the stacks' secrets.
func (h Home) Passphrase() string { return filepath.Join(h.dir, "passphrase") }

// EnsurePassphrase creates the passphrase file unless it exists: 32 random bytes in base64,
// readable by the owner only. An existing file is never changed, since the state cannot be
// decrypted without it; two concurrent processes end up with the same one.
func (h Home) EnsurePassphrase() error {
	path := h.Passphrase()
	switch found, err := os.Stat(path); {
	case err == nil:
		return usable(path, found)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("passphrase: %w", err)
	}
	if err := makePassphrase(path); err != nil {
		return fmt.Errorf("create the passphrase file: %w", err)
	}
	return nil
}

func usable(path string, found fs.FileInfo) error {
	switch {
	case !found.Mode().IsRegular() || found.Size() == 0:
		return fmt.Errorf("passphrase file %s is empty or not a file; restore the one with which the stacks were created, or delete it if there are no stacks", path)
	case found.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("passphrase file %s has mode %04o, so other users can read it; run chmod 0600 on it", path, found.Mode().Perm())
	}
	return nil
}

// makePassphrase writes a complete file under a temporary name and links it, which fails if
// another process was first: no process ever reads a partial passphrase.
func makePassphrase(path string) error {
	random := make([]byte, passphraseBytes)
	_, _ = rand.Read(random)                                         // never fails: it ends the program instead
	draft, err := os.CreateTemp(filepath.Dir(path), ".passphrase-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.WriteString(base64.StdEncoding.EncodeToString(random))
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
