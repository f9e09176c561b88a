package toolchain

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlflow-sso/mlflow-sso/components/permissions"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// linkOwn puts the tool itself where Pulumi looks for its own plugin, as a link, so
// that program and plugin are always the same build.
func linkOwn(h datadir.Home, tool string) error {
	folder := filepath.Join(h.Pulumi(), "plugins", "resource-"+permissions.PluginName+"-v"+permissions.PluginVersion)
	at := filepath.Join(folder, "pulumi-resource-"+permissions.PluginName)
	if there, err := os.Readlink(at); err == nil && there == tool {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("folder of the tool's own plugin: %w", err)
	}
	fresh := at + ".new"
	if err := os.Remove(fresh); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("link to the tool's own plugin: %w", err)
	}
	if err := os.Symlink(tool, fresh); err != nil {
		return fmt.Errorf("link to the tool's own plugin: %w", err)
	}
	// In one step: another process may be starting it.
	if err := os.Rename(fresh, at); err != nil {
		return fmt.Errorf("link to the tool's own plugin: %w", err)
	}
	return nil
}
