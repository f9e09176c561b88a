// Package workingcopy finds the working copy with the Pulumi program, the image contexts
// and the toolchain's sources.
package workingcopy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Module is the Go module whose directory counts as the repository.
const Module = "github.com/mlflow-sso/mlflow-sso"

// Find walks up from dir to the go.mod of Module and returns that directory as an absolute path.
// It skips a go.mod of another module on the way, such as those under bootstrap.
func Find(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("directory %s: %w", dir, err)
	}
	for at := start; ; at = filepath.Dir(at) {
		content, err := os.ReadFile(filepath.Join(at, "go.mod"))
		switch {
		case err == nil && declares(string(content), Module):
			return at, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("find the repository: %w", err)
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod of module %s in %s or above it; run this in a working copy of the repository, or name one with -C", Module, start)
		}
	}
}

// declares reports whether the text of a go.mod names the module.
func declares(text, module string) bool {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == "module" {
			return strings.Trim(words[1], `"`) == module
		}
	}
	return false
}
