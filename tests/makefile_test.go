package tests

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// made returns the last command that make would run.
func made(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", append([]string{"--dry-run", "--no-print-directory", "--directory", inRepository(".")}, arguments...)...)
	out, err := command.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(strings.Fields(lines[len(lines)-1]), " ")
}

// The tool asks at a terminal, and refuses without one.
func TestMakeConfirmsTheDeletionOfDataOnlyWhereItIsAsked(t *testing.T) {
	require.Equal(t, "bin/mlflow-sso destroy --stack dev", made(t, "destroy"))
	require.Equal(t, "bin/mlflow-sso destroy --stack dev --delete-data", made(t, "destroy", "DATA=1"))
	require.Equal(t, "bin/mlflow-sso destroy --stack dev --delete-data --yes", made(t, "destroy", "DATA=1", "YES=1"))
}

// A script without a terminal has to confirm, or it fails where data is to be deleted.
func TestScriptsThatDeleteDataConfirmIt(t *testing.T) {
	deletes := regexp.MustCompile(`(?m)^[^#\n]*make destroy[^\n]*DATA=1[^\n]*$`)
	script, err := os.ReadFile(inRepository(".ci/run"))
	require.NoError(t, err)
	found := deletes.FindAllString(string(script), -1)
	require.Len(t, found, 2)
	for _, line := range found {
		require.Contains(t, line, "YES=1", line)
	}
}
