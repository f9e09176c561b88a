package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// A caller can choose a stack of their own, but never an address.
func TestNothingButAStackCanBeGivenToAttack(t *testing.T) {
	var names []string
	command := subcommand(newRootCommand(nil), "security-test")
	_ = command.ParseFlags(nil) // adds the persistent flags
	command.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })

	require.ElementsMatch(t, []string{"stack", "file", "cwd", "output", "sarif"}, names)
}

func TestTheSARIFFileIsWrittenOrTheCommandReportsAnError(t *testing.T) {
	done := check.Report{Title: "t", Began: time.Unix(0, 0), Checks: []check.Result{{ID: "host-header", Status: check.StatusPassed, Detail: "held"}}}
	path := filepath.Join(t.TempDir(), "a.sarif")

	require.NoError(t, writeSARIF(path, done, outputs.Stack{}))
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(written), "with a Host that is not the stack's")

	require.ErrorContains(t, writeSARIF(filepath.Join(path, "none"), done, outputs.Stack{}), "write SARIF")
}
