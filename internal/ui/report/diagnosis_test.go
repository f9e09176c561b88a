package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// diagnosis has a cause, its effect, and a check that could not run.
func diagnosis() check.Report {
	return check.Report{
		Title: "x: diagnosis", Checks: []check.Result{{ID: "containers", Status: check.StatusFailed}, {ID: "redis", Status: check.StatusNotRun, Reason: "redis is exited"}},
		Findings: []check.Finding{
			{ID: "container-exited", Component: "redis", Summary: "x-redis does not run", Got: "exited", Wanted: "running", Cause: "container x-redis", Effect: "users notice nothing", Fix: "docker start x-redis"},
			{ID: "redis-refuses", Component: "mlflow", Summary: "MLflow cannot use Redis", Got: "no answer", Wanted: "a connection", Cause: "variable A", Fix: "mlflow-sso up", FollowsFrom: "container-exited"},
		},
	}
}

func TestTheDiagnosisShowsTheCommandOfACauseAndNotOfItsConsequences(t *testing.T) {
	var table bytes.Buffer
	require.NoError(t, WriteDiagnosis(&table, "x", diagnosis(), false))

	golden(t, "diagnosis.txt", table.Bytes())
	require.Contains(t, table.String(), "docker start x-redis")
	require.NotContains(t, table.String(), "mlflow-sso up")
}

// Keys of the previous release stay for one release.
func TestADiagnosisInJSONHasTheKeysOfEverySuiteAndTheDoctorsOwn(t *testing.T) {
	for name, r := range map[string]check.Report{"sick": diagnosis(), "healthy": {Checks: []check.Result{{ID: "containers", Status: check.StatusPassed}}}} {
		var got bytes.Buffer
		require.NoError(t, WriteDiagnosisJSON(&got, "x", r))
		var read map[string]any
		require.NoError(t, json.Unmarshal(got.Bytes(), &read))
		for _, key := range []string{"title", "ok", "began", "seconds", "passed", "failed", "checks", "findings", "deployment", "healthy", "examined", "notRun"} {
			require.Contains(t, read, key)
		}
		require.Equal(t, name == "healthy", read["healthy"])
		require.Equal(t, read["ok"], read["healthy"])
		require.Len(t, read["findings"], len(r.Findings), "a list, also when it is empty")
		require.Len(t, read["notRun"], len(r.With(check.StatusNotRun)))
	}
}
