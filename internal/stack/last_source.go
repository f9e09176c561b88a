package stack

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// Source is what a stack was deployed from: the folder of the program, and the stack file.
type Source struct {
	Repository string `json:"repository"`
	File       string `json:"file"`
}

func sourceFile(h datadir.Home, name string) string {
	return filepath.Join(h.Stack(name), "source.json")
}

// rememberSource writes down what the stack is deployed from, so that a command finds it from any
// directory.
func (s *Stack) rememberSource() error {
	if s.Repository == "" || s.mirror != s.Home.Stack(s.Name) {
		return nil
	}
	file, err := filepath.Abs(s.File)
	if err != nil {
		return fmt.Errorf("stack %q: %w", s.Name, err)
	}
	content, err := json.MarshalIndent(Source{Repository: s.Repository, File: file}, "", "  ")
	if err != nil {
		return fmt.Errorf("stack %q: %w", s.Name, err)
	}
	if err := os.WriteFile(sourceFile(s.Home, s.Name), append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("stack %q: %w", s.Name, err)
	}
	return nil
}

// LastSource is what a stack was deployed from last; false where that is not known. An earlier
// release wrote only the folder, in the copy of the project file.
func LastSource(h datadir.Home, name string) (Source, bool) {
	var last Source
	if content, err := os.ReadFile(sourceFile(h, name)); err == nil && json.Unmarshal(content, &last) == nil && last.Repository != "" {
		return last, true
	}
	project, err := workspace.LoadProject(filepath.Join(h.Stack(name), projectFile))
	if err != nil || !filepath.IsAbs(project.Main) {
		return Source{}, false
	}
	return Source{Repository: project.Main}, true
}
