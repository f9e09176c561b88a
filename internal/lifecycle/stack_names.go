package lifecycle

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// StackNames are the stacks that are known here: those with a stack file in the working copy, and
// those in the state, in order. What cannot be read has none.
func StackNames() []string {
	var names []string
	if root, err := workingcopy.Find("."); err == nil {
		names = stackFiles(root)
	}
	if at, ok := datadir.Existing(); ok {
		states, _ := stack.LocalStates(at)
		for _, state := range states {
			names = append(names, state.Stack)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// stackFiles are the stacks with a stack file in a folder.
func stackFiles(folder string) []string {
	files, err := filepath.Glob(filepath.Join(folder, "Pulumi.*.yaml"))
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
	}
	return names
}
