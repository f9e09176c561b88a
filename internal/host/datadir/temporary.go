package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// stale is how old a file for one command is when nothing needs it any more. One that is
// being executed may be removed; a command makes it and begins it within minutes.
const stale = time.Hour

// Temporary is the folder for what Pulumi and the Go compiler make for one command. Both leave
// it behind where they are killed, tens of MB each time: what is stale is removed first.
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
			continue // gone meanwhile, or in use
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return "", fmt.Errorf("temporary folder: %w", err)
		}
	}
	return dir, nil
}
