package health

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/network"
	"github.com/stretchr/testify/require"
)

// told is each finding's ID, with what it follows from behind a "<".
func told(found []Finding) (all []string) {
	for _, f := range found {
		text := f.ID
		if f.FollowsFrom != "" {
			text += "<" + f.FollowsFrom
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
		require.Equal(t, "container-exited", got[0].ID)
		require.Empty(t, got[0].FollowsFrom)
		for _, effect := range got[1:] {
			require.Equal(t, "container-exited", effect.FollowsFrom)
		}
	}
}

func TestWhatRestsOnNothingBrokenIsACauseByItself(t *testing.T) {
	got := order([]Finding{{ID: "redis-refuses", Component: MLflow}, {ID: "group-missing", Component: Realm}, {ID: "role-superuser", Component: Postgres}})

	require.Equal(t, []string{"role-superuser", "group-missing", "redis-refuses"}, told(got))
}

func TestTroubleAboveNeverExplainsTroubleBelow(t *testing.T) {
	got := order([]Finding{{ID: "container-exited", Component: MLflow}, {ID: "container-unhealthy", Component: Postgres}})

	require.Contains(t, told(got), "container-unhealthy")
}

// findings are the IDs that this package's code makes findings with.
func findings(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var code strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "order.go" || file == "logs.go" {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		code.Write(text)
	}
	ids := map[string]bool{}
	// An ID in a finding, or the first argument of what makes one.
	made := regexp.MustCompile(`(?:ID(?: =|, full\.Component =|:) |add\(|inside\(|finding\(|\.effect\{|effect\{|: +\{)\s*"([a-z-]+)"`)
	for _, m := range made.FindAllStringSubmatch(code.String(), -1) {
		ids[m[1]] = true
	}
	require.Greater(t, len(ids), 50)
	return ids
}

func TestEveryConsequenceMayFollowFromAFindingThatThereIs(t *testing.T) {
	ids := findings(t)
	for effect, causes := range mayBeCausedBy {
		require.True(t, ids[effect], "%s is no finding", effect)
		for _, cause := range causes {
			require.True(t, ids[cause], "%s follows from %s, which is no finding", effect, cause)
			require.NotEqual(t, effect, cause)
		}
	}
	for id := range telling {
		require.True(t, ids[id], "%s has a line of a log and is no finding", id)
	}
}

// endpoints are networks that a container is on.
func endpoints(names ...string) map[string]*network.EndpointSettings {
	on := map[string]*network.EndpointSettings{}
	for _, name := range names {
		on[name] = &network.EndpointSettings{}
	}
	return on
}

// As seen on a real stack, when Redis was started by hand without a password.
func TestAnOpenRedisThatRunsAnotherCommandFollowsFromTheCommand(t *testing.T) {
	got := order([]Finding{{ID: "command", Component: Redis}, {ID: "redis-refuses", Component: MLflow}, {ID: "redis-open", Component: Redis}})

	require.Equal(t, []string{"command", "redis-open<command", "redis-refuses<command"}, told(got))
}
