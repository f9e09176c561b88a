package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

func TestDriftIsALineForEachFindingWhateverANameContains(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteDrift(&out, check.Report{Checks: []check.Result{{Status: check.StatusFailed}}, Findings: []check.Finding{
		{Summary: `redis-container: would be replaced for ["memory"]`, Fix: "mlflow-sso up --refresh"},
		{Summary: "realm clients a\nb\u202e: not created by the stack", Next: "remove it in Keycloak's console", Fix: "mlflow-sso console"},
	}}))
	require.Equal(t, "redis-container: would be replaced for [\"memory\"]\nrealm clients a\ufffdb\ufffd: not created by the stack; remove it in Keycloak's console\n", out.String())
}

func TestOnlyAReportInWhichEveryCheckPassedIsNoDrift(t *testing.T) {
	for status, want := range map[check.Status]string{check.StatusPassed: "no drift\n", check.StatusNotRun: "", check.StatusFailed: ""} {
		var out, machine bytes.Buffer
		r := check.Report{Checks: []check.Result{{ID: "realm", Status: status}}}
		require.NoError(t, WriteDrift(&out, r))
		require.Equal(t, want, out.String(), status)
		require.NoError(t, WriteDriftJSON(&machine, r))
		var read struct {
			OK       *bool
			Findings *[]any
		}
		require.NoError(t, json.Unmarshal(machine.Bytes(), &read))
		require.Equal(t, status == check.StatusPassed, *read.OK)
		require.NotNil(t, read.Findings, "a list, also when it is empty")
	}
}
