//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/trash"
)

// runWithFile creates an experiment with a run and a file, and returns both IDs.
func runWithFile(t *testing.T, who *browser.Browser, deployed outputs.Stack, name string) (experiment, run string) {
	t.Helper()
	var made struct {
		ID  string `json:"experiment_id"`
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	call(t, who, deployed, "experiments/create", map[string]string{"name": name}, &made)
	experiment = made.ID
	call(t, who, deployed, "runs/create", map[string]string{"experiment_id": experiment}, &made)
	run = made.Run.Info.ID
	path := "/api/2.0/mlflow-artifacts/artifacts/" + experiment + "/" + run + "/artifacts/note.txt"
	page, err := who.Fetch(t.Context(), http.MethodPut, deployed.MLflow.URL+path, nil, []byte(name))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status, "%s", page.Body)
	return experiment, run
}

// stored are the files below a folder of MLflow's artifacts.
func stored(t *testing.T, deployed outputs.Stack, folder string) string {
	t.Helper()
	ran, err := openEngine(t).Exec(t.Context(), deployed.MLflow.Container, []string{"sh", "-c", `test -d "$0" && find "$0" -type f`, "/mlflow/artifacts/" + folder})
	require.NoError(t, err)
	return strings.TrimSpace(ran.Stdout)
}

func TestOnlyTrashAndOrphanedFilesArePermanentlyDeleted(t *testing.T) {
	l, deployed := sharedLab(t), runningStack(t)
	admin := signIn(t, deployed, "demo-admin")
	kept, keptRun := runWithFile(t, admin, deployed, "clean-kept")
	gone, _ := runWithFile(t, admin, deployed, "clean-gone")
	call(t, admin, deployed, "experiments/delete", map[string]string{"experiment_id": gone}, &struct{}{})
	// Files of a run that no row names, as an earlier version's trash cleanup left them.
	orphan := kept + "/" + strings.Repeat("0", 32)
	ran, err := openEngine(t).Exec(t.Context(), deployed.MLflow.Container, []string{
		"sh", "-c", `mkdir -p "$0/artifacts" && echo left >"$0/artifacts/x" && touch -d "2 days ago" "$0/artifacts/x"`, "/mlflow/artifacts/" + orphan,
	})
	require.NoError(t, err)
	require.NoError(t, ran.Err())
	clean := func(flags ...string) (result trash.Result) {
		got := l.must(t, "clean", append([]string{"--older-than", "0s", "--unknown-origin", "--output", "json"}, flags...)...)
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &result), got.stdout)
		return result
	}

	planned := clean()
	require.NotEmpty(t, stored(t, deployed, gone), "without --delete nothing is deleted")
	require.NotEmpty(t, stored(t, deployed, orphan))
	done := clean("--delete", "--yes")

	require.Equal(t, planned.Rows, done.Rows, "it deletes what it has listed")
	require.GreaterOrEqual(t, done.Rows.Experiments, int64(1))
	require.Empty(t, stored(t, deployed, gone))
	require.Empty(t, stored(t, deployed, orphan))
	require.Contains(t, stored(t, deployed, kept+"/"+keptRun), "note.txt")
	require.True(t, clean().Empty(), "there is nothing left for a second one")
	page, err := admin.Fetch(t.Context(), http.MethodGet, deployed.MLflow.URL+"/api/2.0/mlflow/experiments/get?experiment_id="+gone, nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, page.Status)
}
