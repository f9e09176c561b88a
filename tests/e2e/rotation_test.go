//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// Every credential is rotated at once, and then (in make nightly) again by another root secret,
// in an update that is killed repeatedly: no service accepts an old one, each accepts the new one,
// and users' data is intact.
func TestEveryCredentialThatIsRotatedIsAnotherAndTheOldOneIsRefused(t *testing.T) {
	l, _ := keepingLab(t)
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	l.must(t, "up", "--no-verify")
	docker := openEngine(t)
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	visit := scenario.New(deployed, docker)
	require.NoError(t, visit.SetUp(t.Context()))
	who := employ(t, deployed, visit, "stays")
	gateway(t, docker, deployed, "", "store")
	l.must(t, "backup")
	first := keys(t, docker, deployed)
	for name, ok := range taken(t, docker, deployed, first) {
		require.True(t, ok, "%s is taken before", name)
	}

	generations := raised(2)
	setting := map[string]any{"generations": generations}
	write := func() {
		encoded, err := json.Marshal(setting)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(l.file, fmt.Appendf(text, "  mlflow-sso:credentials: %s\n", encoded), 0o600))
	}
	write()
	away := whileAway(t, who)
	l.must(t, "up", "--no-verify")
	t.Logf("requests with a personal token failed for %s while all %d credentials were rotated", away().Round(time.Second), len(generations))
	deployed, second := rotated(t, l, docker, first)
	// A session depends on the old key; a personal token on none.
	require.Equal(t, []int{401, 200}, who.tries(t)[:2])
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")

	if !allTests {
		return
	}
	setting["root"] = 2
	write()
	isAnother := func(component string) func() bool {
		before, err := docker.API().ContainerInspect(t.Context(), l.name+"-"+component)
		require.NoError(t, err)
		return func() bool {
			now, err := docker.API().ContainerInspect(t.Context(), l.name+"-"+component)
			return err == nil && now.ID != before.ID
		}
	}
	postgres, mlflow := isAnother("postgres"), isAnother("mlflow")
	killed(t, l, "Keycloak refuses the service account with which the state asks", func() bool {
		_, err := admin.Open(t.Context(), deployed.Keycloak, 5*time.Second)
		return admin.Status(err) == http.StatusUnauthorized
	})
	killed(t, l, "Postgres is another", postgres)
	killed(t, l, "MLflow is another", mlflow)
	got := l.must(t, "up")
	require.Regexp(t, allPassed, got.stdout)
	rotated(t, l, docker, first, second)
	require.Equal(t, 200, who.tries(t)[1])
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")

	// No old value becomes valid again.
	setting["root"] = 1
	write()
	refused, err := l.run(t.Context(), "up", "--no-verify")
	require.NoError(t, err)
	require.NotZero(t, refused.code)
	require.Contains(t, refused.stderr, "credentials.root: got 1, want 2 or more")
	setting["root"] = 2
	write()
}

// rotated is everyRotated for a stack of the tool, whose snapshots can be taken and read.
func rotated(t *testing.T, l *lab, docker *engine.Engine, before ...map[string]string) (outputs.Stack, map[string]string) {
	t.Helper()
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	now := everyRotated(t, docker, deployed, before...)
	l.must(t, "backup")
	require.Contains(t, l.must(t, "backup", "check").stderr, "done")
	return deployed, now
}

// everyRotated requires that no service accepts a previous value, each accepts the current one, and
// encrypted data can be read.
func everyRotated(t *testing.T, docker *engine.Engine, deployed outputs.Stack, before ...map[string]string) map[string]string {
	t.Helper()
	now := keys(t, docker, deployed)
	for _, old := range before {
		require.ElementsMatch(t, slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(now)))
		for name := range now {
			require.False(t, old[name] == now[name], "%s is the old one", name)
		}
		for name, ok := range taken(t, docker, deployed, old) {
			require.False(t, ok, "the old %s is taken", name)
		}
	}
	for name, ok := range taken(t, docker, deployed, now) {
		require.True(t, ok, "the new %s is refused", name)
	}
	require.Contains(t, gateway(t, docker, deployed, "", "open"), "stored-before")
	return now
}

// raised are generations for every credential of a stack with the service account ci and without webhooks.
func raised(to int) map[credentials.Label]int {
	generations := map[credentials.Label]int{credentials.ServiceAccount("ci"): to}
	for _, label := range credentials.Labels() {
		if label != credentials.MLflowWebhooks { // refused without mlflow.webhooks
			generations[label] = to
		}
	}
	return generations
}

// whileAway polls until the function it returns is called, which reports the time without a
// successful response.
func whileAway(t *testing.T, who *employee) func() time.Duration {
	t.Helper()
	var total atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		last := time.Now()
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, who.deployed.MLflow.URL+mePath, nil)
			if err != nil {
				return
			}
			request.Header.Set("Authorization", who.basic)
			answer, err := (&http.Client{Timeout: 5 * time.Second}).Do(request)
			if err == nil {
				_ = answer.Body.Close()
			}
			if err != nil || answer.StatusCode != http.StatusOK {
				total.Add(int64(time.Since(last)))
			}
			last = time.Now()
		}
	}()
	return func() time.Duration {
		close(stop)
		<-stopped
		return time.Duration(total.Load())
	}
}
