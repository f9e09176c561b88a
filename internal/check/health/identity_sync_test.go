package health

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

func TestAKeeperIsLateOnlyWhenAJobWasNotDoneForLong(t *testing.T) {
	d := &doctor{Target: Target{Stack: outputs.Stack{IdentitySync: outputs.IdentitySync{Container: "x-keeper", IntervalSeconds: 15, PruneIntervalSeconds: 3600}}}}
	done := func(follow, prune int64) map[string]syncstatus.Job {
		return map[string]syncstatus.Job{
			syncstatus.Follow: {Succeeded: &follow, Error: "Keycloak answers 403"}, syncstatus.BreakGlass: {Succeeded: &follow}, syncstatus.SignOut: {Succeeded: &follow}, syncstatus.Prune: {Succeeded: &prune},
		}
	}
	require.Empty(t, d.judgeKeeper(done(90, 7260)))
	late := d.judgeKeeper(done(91, 10))
	require.Len(t, late, 3)
	require.Equal(t, "identity-sync-overdue", late[1].ID)
	require.Contains(t, late[1].Got, "last done 1m31s ago, since then: Keycloak answers 403")
	require.Equal(t, "every 15s", late[1].Wanted)
	require.Len(t, d.judgeKeeper(done(10, 7261)), 1)

	never := d.judgeKeeper(nil)
	require.Len(t, never, 4)
	require.Contains(t, never[0].Got, "never")
}
