package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

var places = strings.NewReplacer("{mlflow}", "dev-mlflow")

func holds(context.Context) (string, error) { return "seen", nil }

func fails(context.Context) (string, error) { return "", errors.New("the server is gone") }

func statuses(r report.Report) map[string]report.Status {
	out := map[string]report.Status{}
	for _, c := range r.Checks {
		out[c.Name] = c.Status
	}
	return out
}

func TestACheckIsNotRunWhenWhatItNeedsDidNotPass(t *testing.T) {
	var observed []string

	got := runAll(t.Context(), "t", []check{
		{name: "a", run: fails, next: "docker logs {mlflow}"},
		{name: "b", run: holds, needs: []string{"a"}},
		{name: "c", run: holds, needs: []string{"b"}},
		{name: "d", run: holds},
	}, places, func(c report.Check) { observed = append(observed, c.Name) })

	require.False(t, got.OK())
	require.Equal(t, map[string]report.Status{"a": report.Failed, "b": report.NotRun, "c": report.NotRun, "d": report.Passed}, statuses(got))
	require.Equal(t, "docker logs dev-mlflow", got.Checks[0].Next)
	require.Equal(t, "needs a, which did not pass", got.Checks[1].Reason)
	require.Equal(t, []string{"a", "b", "c", "d"}, observed)
}

func TestAnInterruptStopsEverythingButTheCleanup(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	cleaned := false

	got := runAll(ctx, "t", []check{
		{name: "first", run: func(ctx context.Context) (string, error) {
			interrupt()
			return "", ctx.Err()
		}},
		{name: "second", run: holds},
		{name: "cleanup", always: true, run: func(ctx context.Context) (string, error) {
			cleaned = true
			return "", ctx.Err()
		}},
	}, places, nil)

	require.True(t, cleaned)
	require.Equal(t, map[string]report.Status{"first": report.NotRun, "second": report.NotRun, "cleanup": report.Passed}, statuses(got))
}

func TestAMismatchShowsBothSidesEvenWhenWrapped(t *testing.T) {
	got := runAll(t.Context(), "t", []check{{name: "a", next: "look", run: func(context.Context) (string, error) {
		return "", fmt.Errorf("control: %w", differs("200", "401"))
	}}}, places, nil)

	require.Equal(t, "200", got.Checks[0].Got)
	require.Equal(t, "401", got.Checks[0].Wanted)
	require.Equal(t, "control", got.Checks[0].Reason)
	require.Equal(t, "look", got.Checks[0].Next)
}

func TestACheckThatFindsNoGroundIsNoFailure(t *testing.T) {
	got := runAll(t.Context(), "t", []check{{name: "a", run: func(context.Context) (string, error) {
		return "", fmt.Errorf("%w: nobody to log in", errNotRun)
	}}}, places, nil)

	require.Equal(t, report.NotRun, got.Checks[0].Status)
	require.False(t, got.OK())
}

// What others need has to come before them, or they never run.
func TestEveryNeedIsAnEarlierCheck(t *testing.T) {
	var earlier []string
	for _, c := range newProof(outputs.Stack{}, nil).checks() {
		for _, need := range c.needs {
			require.Contains(t, earlier, need, "of %s", c.name)
		}
		require.NotContains(t, earlier, c.name)
		require.NotEmpty(t, c.next, c.name)
		earlier = append(earlier, c.name)
	}
	require.Equal(t, earlier, Names(outputs.Stack{}))
	require.Equal(t, "cleanup", slices.Clone(earlier)[len(earlier)-1])
}

func TestDemoUsersWithoutOneOfEachKindProveNothing(t *testing.T) {
	stack := outputs.Stack{
		Realm: outputs.Realm{AdminGroup: "mlflow-admins", UserGroup: "mlflow-users"},
		DemoUsers: []outputs.User{
			{Username: "ada", Group: "mlflow-admins"}, {Username: "abe", Group: "mlflow-admins"}, {Username: "otto"}, {Username: "mel", Group: "mlflow-users"}, {Username: "mia", Group: "mlflow-users"},
		},
	}
	p := newProof(stack, nil)
	require.NoError(t, p.chooseDemoUsers())
	require.Equal(t, []string{"ada", "mel", "otto"}, []string{p.admin.username, p.member.username, p.outsider.username})

	stack.DemoUsers = stack.DemoUsers[:3]
	require.ErrorIs(t, newProof(stack, nil).chooseDemoUsers(), errNotRun)
}
