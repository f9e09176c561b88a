package health

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/network"
	"github.com/stretchr/testify/require"
)

// idsOf returns each finding's ID, followed by "<" and its cause.
func idsOf(found []Finding) (all []string) {
	for _, f := range found {
		text := string(f.ID)
		if f.FollowsFrom != "" {
			text += "<" + string(f.FollowsFrom)
		}
		all = append(all, text)
	}
	return all
}

func TestTheFirstFindingIsTheCauseWhateverWasSeenFirst(t *testing.T) {
	cause := Finding{ID: "container-exited", Component: Redis}
	effects := []Finding{{ID: "login-refused", Component: MLflow}, {ID: "redis-refuses", Component: MLflow}}

	for _, seen := range [][]Finding{{cause, effects[0], effects[1]}, {effects[1], cause, effects[0]}, {effects[0], effects[1], cause}} {
		got := order(slices.Clone(seen))
		require.EqualValues(t, "container-exited", got[0].ID)
		require.Empty(t, got[0].FollowsFrom)
		for _, effect := range got[1:] {
			require.EqualValues(t, "container-exited", effect.FollowsFrom)
		}
	}
}

func TestWhatRestsOnNothingBrokenIsACauseByItself(t *testing.T) {
	got := order([]Finding{{ID: "redis-refuses", Component: MLflow}, {ID: "group-missing", Component: Realm}, {ID: "role-superuser", Component: Postgres}})

	require.Equal(t, []string{"role-superuser", "group-missing", "redis-refuses"}, idsOf(got))
}

func TestTroubleAboveNeverExplainsTroubleBelow(t *testing.T) {
	got := order([]Finding{{ID: "container-exited", Component: MLflow}, {ID: "container-unhealthy", Component: Postgres}})

	require.Contains(t, idsOf(got), "container-unhealthy")
}

func TestEveryConsequenceMayFollowFromAFindingThatThereIs(t *testing.T) {
	for effect, causes := range mayBeCausedBy {
		require.Contains(t, meanings, effect)
		for _, cause := range causes {
			require.Contains(t, meanings, cause, "a cause of %s", effect)
			require.NotEqual(t, effect, cause)
		}
	}
	for id := range logLines {
		require.Contains(t, meanings, id, "it has a line of a log")
	}
}

// endpoints are a container's networks.
func endpoints(names ...string) map[string]*network.EndpointSettings {
	on := map[string]*network.EndpointSettings{}
	for _, name := range names {
		on[name] = &network.EndpointSettings{}
	}
	return on
}

// Observed on a real stack whose Redis was started manually without a password.
func TestAnOpenRedisThatRunsAnotherCommandFollowsFromTheCommand(t *testing.T) {
	got := order([]Finding{{ID: "command", Component: Redis}, {ID: "redis-refuses", Component: MLflow}, {ID: "redis-open", Component: Redis}})

	require.Equal(t, []string{"command", "redis-open<command", "redis-refuses<command"}, idsOf(got))
}
