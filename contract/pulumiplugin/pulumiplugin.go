// Package pulumiplugin declares the names by which Pulumi, the program and the tool find the
// project's own plugin.
package pulumiplugin

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	// Name is the package of the resource types and of their provider.
	Name = "mlflow-sso"
	// Version is the version of the schema, not of the tool.
	Version = "1.0.0"
	// Binary is the name of the executable that Pulumi searches for.
	Binary = "pulumi-resource-" + Name
	// ProviderType is the type of the provider in the state.
	ProviderType = "pulumi:providers:" + Name

	// Folder is the executable's folder according to Pulumi.yaml, relative to the project.
	Folder = "plugin"
	// FolderVariable is the environment variable with which the tool passes another folder.
	FolderVariable = "MLFLOW_SSO_PLUGIN_FOLDER"
	// DeferVariable is the environment variable with which the tool excludes the login proof from an
	// update: it runs the checks itself, after its last step, or the user has disabled them.
	DeferVariable = "MLFLOW_SSO_DEFER_PROOF"
	// Command builds the executable into Folder.
	Command = "make plugin"
	// NotCompared is the prefix of a refresh's warning about a service that it could not read.
	NotCompared = "not compared with what there is"
)

// Check reports a missing executable before Pulumi does, which would search the vendor's download
// site for it. Call it in the folder of the project.
func Check() error {
	folder := os.Getenv(FolderVariable)
	if folder == "" {
		folder = Folder
	}
	file := filepath.Join(folder, Binary)
	// Stat follows links: a link whose target was removed is missing, too.
	found, err := os.Stat(file) //nolint:gosec // the tool sets the variable
	switch {
	case err != nil:
		return fmt.Errorf("plugin %s: got no file %s, want the project's own plugin there; `%s` builds it", Name, file, Command)
	case found.IsDir() || found.Mode()&0o111 == 0:
		return fmt.Errorf("plugin %s: got %s that is not an executable file, want the project's own plugin there; `%s` builds it", Name, file, Command)
	}
	return nil
}
