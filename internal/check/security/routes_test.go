package security

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnUnlistedRouteThatAnswersAnonymousRequestsIsABreach(t *testing.T) {
	proper := []scanResult{{"GET", "/health", 200, ""}, {"POST", searchPath, 401, ""}, {"GET", "/", 302, "/login?next=/"}}
	said, err := judgeRoutes(proper, false)
	require.NoError(t, err)
	require.Contains(t, said, "2 routes refuse")

	for _, hole := range []scanResult{
		{"GET", "/new", 200, ""},
		{"GET", "/new/1", 404, ""},
		{"POST", "/new", 422, ""},
		{"GET", "/healthy", 200, ""},
		{"GET", "/providers2", 200, ""},
		{"GET", "/new", 302, "https://attacker.example/"},
		{"GET", "/new", 500, ""},
	} {
		_, err := judgeRoutes(append(proper, hole), false)
		require.ErrorContains(t, err, hole.path)
		require.NotContains(t, err.Error(), "could not run")
	}
	_, err = judgeRoutes(append(proper, scanResult{"GET", "/new", 404, ""}), true)
	require.NoError(t, err, "an edge shuts paths by 404")
	_, err = judgeRoutes(append(proper, scanResult{"GET", "/new", 429, ""}), true)
	require.ErrorContains(t, err, "could not run")
	_, err = judgeRoutes(proper[:1], false)
	require.ErrorContains(t, err, "could not run", "a list that is empty proves nothing")
}

func TestEveryPublicRouteHasAReason(t *testing.T) {
	for _, p := range public {
		require.NotEmpty(t, p.reason, p.below)
	}
}

func TestAServiceThatAcceptsClientsWithoutItsPasswordIsABreach(t *testing.T) {
	no, in := probeResult{"anonymous", "NOAUTH Authentication required."}, probeResult{"proper", "in"}
	_, err := judgeKnocks("redis", []probeResult{no, in}, []string{"NOAUTH"})
	require.NoError(t, err)
	_, err = judgeKnocks("redis", []probeResult{{"anonymous", "in"}, in}, []string{"NOAUTH"})
	require.ErrorContains(t, err, "accepts anonymous")
	for _, all := range [][]probeResult{{no}, {in}, {no, {"proper", "NOAUTH"}}, {{"anonymous", "Connection refused"}, in}} {
		_, err = judgeKnocks("redis", all, []string{"NOAUTH"})
		require.ErrorContains(t, err, "could not run")
	}
}
