package health

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

func TestTheIdentitySyncIsOverdueOnlyWhenAJobHasNotSucceededForLong(t *testing.T) {
	d := &doctor{Target: Target{Stack: outputs.Stack{IdentitySync: outputs.IdentitySync{Container: "x-keeper", IntervalSeconds: 15, PruneIntervalSeconds: 3600}}}}
	done := func(follow, prune int64) map[string]syncstatus.Job {
		return map[string]syncstatus.Job{
			syncstatus.Follow: {Succeeded: &follow, Error: "Keycloak answers 403"}, syncstatus.BreakGlass: {Succeeded: &follow}, syncstatus.SignOut: {Succeeded: &follow}, syncstatus.Prune: {Succeeded: &prune},
		}
	}
	require.Empty(t, d.judgeIdentitySync(done(90, 7260)))
	late := d.judgeIdentitySync(done(91, 10))
	require.Len(t, late, 3)
	require.EqualValues(t, "identity-sync-overdue", late[1].ID)
	require.Contains(t, late[1].Got, "last done 1m31s ago, since then: Keycloak answers 403")
	require.Equal(t, "every 15s", late[1].Wanted)
	require.Len(t, d.judgeIdentitySync(done(10, 7261)), 1)

	never := d.judgeIdentitySync(nil)
	require.Len(t, never, 4)
	require.Contains(t, never[0].Got, "never")
}
