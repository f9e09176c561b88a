package datacheck

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/backup"
)

func TestOnlyWhatIsFewerThanBeforeIsALoss(t *testing.T) {
	had := map[string][]backup.Table{
		"mlflow":      {{Table: "public.runs", Rows: 7}, {Table: "public.tags", Rows: 2}, {Table: "public.inputs"}},
		"mlflow_auth": {{Table: "public.users", Rows: 3}, {Table: "public.auth_state", Rows: 9}, {Table: "public.groups", Rows: 2}},
		"keycloak":    {{Table: "public.user_entity", Rows: 4}, {Table: "public.event_entity", Rows: 50}, {Table: "public.credential", Rows: 4}},
	}
	has := map[string]map[string]int64{
		"mlflow":      {"public.runs": 7, "public.tags": 1, "public.new": 3},
		"mlflow_auth": {"public.users": 5},
		"keycloak":    {"public.user_entity": 4, "public.event_entity": 0, "public.credential": 3},
	}

	losses := Compare(had, has)

	require.Equal(t, []MissingRows{{"keycloak.credential", 4, 3}, {"mlflow.tags", 2, 1}, {"mlflow_auth.groups", 2, MissingTable}}, losses)
	require.Equal(t, "mlflow.tags: 2 rows, now 1", losses[1].String())
	require.Equal(t, "mlflow_auth.groups: 2 rows, and the table is missing", losses[2].String())
}
