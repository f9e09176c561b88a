package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// stale is the age at which a command's temporary file is no longer needed. An executable in use
// may be removed; a command starts it within minutes.
const stale = time.Hour

// Temporary returns the folder for temporary files of Pulumi and the Go compiler. Both leave
// files when they are killed, tens of MB each time: Temporary removes stale ones first.
func (h Home) Temporary() (string, error) {
	dir := filepath.Join(h.dir, "tmp")
	if err := makePrivate(dir); err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < stale {
			continue // removed meanwhile, or in use
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return "", fmt.Errorf("temporary folder: %w", err)
		}
	}
	return dir, nil
}
