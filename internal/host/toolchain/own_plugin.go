package toolchain

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// ownPluginAge is the age at which an unused build of the plugin is removed.
const ownPluginAge = 7 * 24 * time.Hour

// OwnPlugin returns the folder with the tool's own executable as a Pulumi plugin. The digest of
// its content is the folder's name, so that another build of the tool, in another working copy,
// never replaces the plugin of a running command.
func OwnPlugin(h datadir.Home, tool string) (string, error) {
	all := filepath.Join(h.Toolchain(), "own-plugin")
	folder, err := installOwn(all, tool)
	if err != nil {
		return "", fmt.Errorf("the tool's own Pulumi plugin: %w", err)
	}
	removeUnused(all, folder)
	return folder, nil
}

func installOwn(all, tool string) (folder string, err error) {
	source, err := os.Open(tool)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	digest := sha256.New()
	if _, err := io.Copy(digest, source); err != nil {
		return "", err
	}
	folder = filepath.Join(all, hex.EncodeToString(digest.Sum(nil))[:24])
	now := time.Now()
	if _, err := os.Stat(filepath.Join(folder, pulumiplugin.Binary)); err == nil {
		return folder, os.Chtimes(folder, now, now)
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	return folder, copyExecutable(source, folder)
}

// copyExecutable renames the file into place: a concurrent command may be starting it.
func copyExecutable(source io.Reader, folder string) error {
	draft, err := os.CreateTemp(folder, ".draft-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }() // does not exist after the rename
	_, err = io.Copy(draft, source)
	err = errors.Join(err, draft.Chmod(0o700), draft.Close())
	if err != nil {
		return err
	}
	return os.Rename(draft.Name(), filepath.Join(folder, pulumiplugin.Binary))
}

// removeUnused deletes builds that no command has used for a while. A failure only costs disk
// space.
func removeUnused(all, used string) {
	entries, _ := os.ReadDir(all)
	for _, entry := range entries {
		path := filepath.Join(all, entry.Name())
		if info, err := entry.Info(); err == nil && path != used && time.Since(info.ModTime()) > ownPluginAge {
			_ = os.RemoveAll(path)
		}
	}
}
