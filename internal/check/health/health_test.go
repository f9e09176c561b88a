package health

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// one runs one check of a suite.
func one(ctx context.Context, c check.Check) check.Result {
	return check.Suite{Checks: []check.Check{c}, Timeout: checkTimeout}.Run(ctx, check.Observer{}).Checks[0]
}

func TestACheckOfAComponentThatIsDownIsNotRunAndSaysWhy(t *testing.T) {
	d := a()
	d.down[Postgres] = "exited"
	looked := false
	needing := d.find("mlflow", func(context.Context) ([]Finding, error) {
		looked = true
		return nil, nil
	}, MLflow, Postgres)

	got := one(t.Context(), needing)
	require.Equal(t, check.StatusNotRun, got.Status)
	require.Equal(t, "postgres is exited", got.Reason)
	require.False(t, looked)

	delete(d.down, Postgres)
	require.Equal(t, check.StatusPassed, one(t.Context(), needing).Status)
	require.True(t, looked)
}

func TestACheckThatFailsKeepsWhatItHasFound(t *testing.T) {
	got := one(t.Context(), a().find("host", func(context.Context) ([]Finding, error) {
		return []Finding{{ID: Clock}}, errors.New("df is away")
	}))

	require.Equal(t, []string{"clock"}, idsOf(got.Findings))
	require.Equal(t, check.StatusNotRun, got.Status)
	require.Equal(t, "df is away", got.Reason)
}

func TestAnEndedCommandIsNotAFinding(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	got := one(ended, a().find("host", func(ctx context.Context) ([]Finding, error) {
		cancel()
		return nil, ctx.Err()
	}))

	require.Empty(t, got.Findings)
	require.Equal(t, check.StatusNotRun, got.Status)
	require.Equal(t, "interrupted", got.Reason)
}

func TestEveryCheckCanRunAndIsDescribed(t *testing.T) {
	d := a()
	d.Stack.Backup = outputs.Backup{Container: "x-backup"}
	d.Stack.IdentityProviders = []outputs.IdentityProvider{{}}
	suite := d.suite()
	require.Empty(t, suite.Validate())
	for _, c := range suite.Checks {
		require.NotEmpty(t, c.About, c.ID)
	}
	require.Len(t, suite.Checks, len(about), "a check has a description and is in no stack")
	require.False(t, suite.Checks[0].Concurrent, "the first check finds out what is down")
}
