package main

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/trash"
)

func TestNothingIsDeletedWithoutAConfirmation(t *testing.T) {
	for _, args := range [][]string{
		{"clean", "--delete"}, {"clean", "--delete", "--dry-run", "--yes"}, {"clean", "--orphans-older-than", "5m"}, {"clean", "--older-than", "-1h"}, {"clean", "1"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, exitUsage, run(args, io.Discard, &stderr), "%q: %s", args, &stderr)
	}
}

func writtenClean(t *testing.T, flags cleaning, result trash.Result) (out, errOut string, err error) {
	t.Helper()
	command := &cobra.Command{}
	var stdout, stderr bytes.Buffer
	command.SetOut(&stdout)
	command.SetErr(&stderr)
	err = writeClean(command, flags, result)
	return stdout.String(), stderr.String(), err
}

func TestAReportSaysWhetherItWasDeleted(t *testing.T) {
	found := trash.Result{Rows: trash.Rows{Runs: 2}}
	out, hint, err := writtenClean(t, cleaning{output: asTable}, found)
	require.NoError(t, err)
	require.Contains(t, out, "TO DELETE")
	require.Contains(t, hint, "nothing was deleted: add --delete")
	out, hint, err = writtenClean(t, cleaning{output: asTable, request: trash.Request{Delete: true}}, found)
	require.NoError(t, err)
	require.Contains(t, out, "DELETED")
	require.Empty(t, hint)
	_, hint, err = writtenClean(t, cleaning{output: asTable}, trash.Result{})
	require.NoError(t, err)
	require.Empty(t, hint)

	out, _, err = writtenClean(t, cleaning{output: asJSON, request: trash.Request{Trash: time.Hour, Orphans: 2 * time.Hour}}, found)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, []any{false, 3600.0, 7200.0}, []any{got["deleted"], got["trashSeconds"], got["orphanSeconds"]})
	require.Contains(t, got, "rows")
}

func TestWhatCouldNotBeDeletedIsAFailure(t *testing.T) {
	_, _, err := writtenClean(t, cleaning{output: asTable, request: trash.Request{Delete: true}}, trash.Result{FailureCount: 1})
	require.ErrorIs(t, err, errNotCleaned)
	require.Equal(t, exitFailed, exitCode(err))
}
