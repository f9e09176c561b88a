package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

func TestTheSARIFStaysAsItIs(t *testing.T) {
	var got bytes.Buffer
	require.NoError(t, WriteSARIF(&got, example(), "mlflow-sso security-test", map[check.ID]Rule{
		"cache": {Attack: "asks without a password", Mitigation: "a password"},
	}))
	golden(t, "report.sarif", got.Bytes())
}

func TestACheckThatDidNotRunIsNeverASuccessInSARIF(t *testing.T) {
	var got bytes.Buffer
	require.NoError(t, WriteSARIF(&got, check.Report{Title: "t", Checks: []check.Result{{ID: "a", Status: check.StatusNotRun, Reason: "gone"}}}, "x", nil))

	var document struct {
		Version string
		Runs    []struct {
			Invocations []struct {
				ExecutionSuccessful        bool
				ToolExecutionNotifications []struct{ Message struct{ Text string } }
			}
			Results []struct{ RuleID, Kind, Level string }
		}
	}
	require.NoError(t, json.Unmarshal(got.Bytes(), &document))
	require.Equal(t, "2.1.0", document.Version)
	require.False(t, document.Runs[0].Invocations[0].ExecutionSuccessful)
	require.Equal(t, "a: gone", document.Runs[0].Invocations[0].ToolExecutionNotifications[0].Message.Text)
	require.Equal(t, "open", document.Runs[0].Results[0].Kind)
	require.Equal(t, "none", document.Runs[0].Results[0].Level)
}
