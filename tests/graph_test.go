package tests

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

var update = flag.Bool("update", false, "write the golden files, and fail")

// The graph of a stack is an interface: a changed name replaces a resource.
func TestGraphIsTheOneThatWasReviewed(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		graph, err := r.JSON()
		require.NoError(t, err)
		golden(t, stack+".json", string(graph))
	})
}

// All differences between the two stacks, on one page, except for the names, which differ
// everywhere.
func TestStacksDifferOnlyWhereReviewed(t *testing.T) {
	recordings := map[string]*pulumimock.Recording{}
	for _, stack := range stacks {
		var err error
		recordings[stack], err = run(t, stack)
		require.NoError(t, err)
	}
	dev, prod := recordings["dev"], recordings["prod"]
	diff, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: flatten(dev, prod, settings(t, "dev").Name), FromFile: "dev",
		B: flatten(prod, dev, settings(t, "prod").Name), ToFile: "prod",
	})
	require.NoError(t, err)
	// Without line numbers, which change with every line that both have.
	golden(t, "dev-vs-prod.diff", regexp.MustCompile(`(?m)^@@.*\n`).ReplaceAllString(diff, ""))
}

// flatten returns a graph with a line for each value, with its resource. A resource that the
// other stack lacks is one line.
func flatten(r, other *pulumimock.Recording, name string) []string {
	var lines []string
	line := func(whose, path string, value any) {
		text := fmt.Sprintf("%s  %s = %v\n", whose, path, value)
		lines = append(lines, strings.ReplaceAll(text, name, "<name>"))
	}
	shared := map[string]bool{}
	for _, made := range other.Resources {
		shared[made.Key()] = true
	}
	for _, made := range r.Resources {
		lines = append(lines, made.Key()+"\n")
		if !shared[made.Key()] {
			continue
		}
		line(made.Key(), "parent", made.Parent)
		line(made.Key(), "protect", made.Protect)
		line(made.Key(), "dependsOn", made.DependsOn)
		for _, leaf := range made.Leaves() {
			if strings.HasPrefix(leaf.Path, "envs[") {
				leaf.Path = "env" // the numbers change with every variable that only one stack has
			}
			line(made.Key(), leaf.Path, leaf.Readable())
		}
	}
	for _, leaf := range r.Outputs() {
		line("output", leaf.Path, leaf.Readable())
	}
	return lines
}

// golden compares with a file under testdata/graph, or writes it and fails: an
// update must not look like a success.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(here, "testdata", "graph", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		t.Errorf("wrote %s: read the difference, then run again without -update", name)
		return
	}
	want, err := os.ReadFile(path)
	if err == nil && string(want) == got {
		return
	}
	require.NoError(t, err, "run again with -update to write it")
	diff, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(string(want)), FromFile: name + " (reviewed)",
		B: difflib.SplitLines(got), ToFile: name + " (now)",
		Context: 3,
	})
	require.NoError(t, err)
	t.Errorf("the graph is not the reviewed one; -update writes it if this is meant:\n%s", diff)
}
