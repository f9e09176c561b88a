package health

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatCouldNotBeLookedAtIsToldWithItsReasonAndIsNoHealth(t *testing.T) {
	d := a()
	d.down[Postgres] = "exited"
	looked := false
	needing := examination{name: "mlflow", needs: []Component{MLflow, Postgres}, look: func(context.Context) ([]Finding, error) {
		looked = true
		return nil, nil
	}}

	require.Equal(t, "postgres is exited", d.lookOnce(t.Context(), needing).reason)
	require.False(t, looked)
	delete(d.down, Postgres)
	require.Empty(t, d.lookOnce(t.Context(), needing).reason)
	require.True(t, looked)

	require.True(t, Report{Examined: []string{"x"}}.Healthy())
	require.False(t, Report{}.Healthy(), "nothing was looked at")
	require.False(t, Report{Examined: []string{"x"}, Skipped: []Skipped{{"x", "y"}}}.Healthy())
}

func TestAnExaminationThatFailsKeepsWhatItHasFound(t *testing.T) {
	half := examination{name: "host", look: func(context.Context) ([]Finding, error) {
		return []Finding{{ID: "clock"}}, errors.New("df is away")
	}}

	got := a().lookOnce(t.Context(), half)

	require.Equal(t, []string{"clock"}, told(got.findings))
	require.Equal(t, "df is away", got.reason)
}

func TestAnEndedCommandIsNoFinding(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	waits := examination{name: "host", look: func(ctx context.Context) ([]Finding, error) { return nil, ctx.Err() }}

	got := a().lookOnce(ended, waits)

	require.Empty(t, got.findings)
	require.Equal(t, "interrupted", got.reason)
}

func TestTheTableShowsTheCommandOfACauseAndNotOfItsConsequences(t *testing.T) {
	var table bytes.Buffer
	require.NoError(t, WriteTable(&table, Report{Deployment: "x", Examined: []string{"redis"}, Findings: []Finding{
		{ID: "container-exited", Component: Redis, Summary: "x-redis does not run", Fix: "docker start x-redis"},
		{ID: "redis-refuses", Component: MLflow, Summary: "MLflow does not get into Redis", Fix: "mlflow-sso up", FollowsFrom: "container-exited"},
	}, Skipped: []Skipped{{"redis", "redis is exited"}}}))

	require.Contains(t, table.String(), "docker start x-redis")
	require.NotContains(t, table.String(), "mlflow-sso up")
	require.Contains(t, table.String(), "redis is exited")
	require.Contains(t, table.String(), "NOT HEALTHY  2 findings, 1 of 1 examinations not made")
}
