package lifecycle

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

func TestAVolumeThatIsDetachedStaysWhenItLeavesTheState(t *testing.T) {
	before := json.RawMessage(`{"new":{"a":1},"resources":[
		{"urn":"x","type":"docker:index/volume:Volume","id":"lab-postgres-data","protect":true,"newer":[1]},
		{"urn":"y","type":"docker:index/volume:Volume","id":"lab-mlflow-artifacts","protect":true},
		{"urn":"z","type":"docker:index/container:Container","id":"lab-postgres-data","protect":true}]}`)
	after, err := retaining(before, []string{"lab-postgres-data"})
	require.NoError(t, err)
	require.JSONEq(t, `{"new":{"a":1},"resources":[
		{"urn":"x","type":"docker:index/volume:Volume","id":"lab-postgres-data","retainOnDelete":true,"newer":[1]},
		{"urn":"y","type":"docker:index/volume:Volume","id":"lab-mlflow-artifacts","protect":true},
		{"urn":"z","type":"docker:index/container:Container","id":"lab-postgres-data","protect":true}]}`, string(after))
}

func TestAPreviewReportsThatAVolumeWhoseDataIsExternalStays(t *testing.T) {
	s := &stack.Stack{Config: &config.Config{Name: "lab", Postgres: config.Postgres{External: &config.ExternalPostgres{}}}}
	removed := func(name string) report.Change {
		return report.Change{Resource: name, Outcome: report.Removed, DataLoss: "lost"}
	}
	all := []report.Change{removed("postgres-data"), removed("mlflow-artifacts")}
	for i := range all {
		showDetached(s, &all[i])
	}
	require.Empty(t, all[0].DataLoss)
	require.Contains(t, all[0].Why, "leaves it on the host")
	require.Equal(t, "lost", all[1].DataLoss, "what is not replaced is lost")
	require.Contains(t, explainDetached(s, []string{"postgres-data: resource is protected"})[0], "`up` works anyway")
	require.Equal(t, []string{"is protected"}, explainDetached(&stack.Stack{Config: &config.Config{}}, []string{"is protected"}))
}
