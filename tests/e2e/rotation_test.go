//go:build e2e

package e2e

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/verify"
)

// keysScript runs in MLflow's container, which reaches every service, and says of each
// key whether its service takes it.
//
//go:embed testdata/keys.py
var keysScript string

// holding are the variables in which containers are told what can be turned, by container.
var holding = map[string][]string{
	"mlflow":   {"MLFLOW_BACKEND_STORE_URI", "OIDC_USERS_DB_URI", "CACHE_REDIS_URL", "OIDC_CLIENT_SECRET", "SECRET_KEY", "SESSION_TOKEN_ENCRYPTION_KEY"},
	"keycloak": {"KC_DB_PASSWORD"}, "keeper": {"KEEPER_CLIENT_SECRET"}, "postgres": {"POSTGRES_SUPERUSER_PASSWORD"},
}

// keys are the values that a stack has now.
func keys(t *testing.T, docker *engine.Engine, told outputs.Stack) map[string]string {
	t.Helper()
	all := map[string]string{"steward": told.Steward.Secret}
	for _, account := range told.ServiceAccounts {
		all["account "+account.Name] = account.Secret
	}
	for component, names := range holding {
		seen, err := docker.API().ContainerInspect(t.Context(), told.Deployment+"-"+component)
		require.NoError(t, err)
		for _, pair := range seen.Config.Env {
			if name, value, _ := strings.Cut(pair, "="); slices.Contains(names, name) {
				all[name] = value
			}
		}
	}
	for name, value := range all {
		require.NotEmpty(t, value, name)
	}
	return all
}

// taken says of each key whether its service takes it.
func taken(t *testing.T, docker *engine.Engine, told outputs.Stack, all map[string]string) map[string]bool {
	t.Helper()
	input, err := json.Marshal(all)
	require.NoError(t, err)
	ran, err := docker.Exec(t.Context(), told.MLflow.Container, []string{"python", "-c", keysScript}, engine.Stdin(strings.NewReader(string(input))))
	require.NoError(t, err)
	require.NoError(t, ran.Err())
	var answer map[string]bool
	require.NoError(t, json.Unmarshal([]byte(ran.Stdout), &answer))
	return answer
}

// Every credential that may be turned is turned at once: no service takes the old one,
// each takes the new one, and what people have is there.
func TestEveryCredentialThatIsTurnedIsAnotherAndTheOldOneIsRefused(t *testing.T) {
	l := ownLab(t)
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	text = append(text, "  mlflow-sso:serviceAccounts:\n    - {name: ci, groups: [mlflow-users]}\n"...)
	require.NoError(t, os.WriteFile(l.file, text, 0o600))
	l.must(t, "up", "--no-verify")
	docker := openEngine(t)
	told, err := l.outputs(t.Context())
	require.NoError(t, err)
	visit := verify.NewVisit(told, docker)
	require.NoError(t, visit.Arrive(t.Context()))
	who := employ(t, told, visit, "stays")
	before := keys(t, docker, told)
	for name, is := range taken(t, docker, told, before) {
		require.True(t, is, "%s is taken before", name)
	}
	superuser := inAuth(t, told, docker, "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")

	generations := map[credentials.Label]int{credentials.ServiceAccount("ci"): 2}
	for _, label := range credentials.Turnable() {
		generations[label] = 2
	}
	delete(generations, credentials.PostgresBackup) // no snapshots here
	setting, err := json.Marshal(map[string]any{"generations": generations})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(l.file, fmt.Appendf(text, "  mlflow-sso:credentials: %s\n", setting), 0o600))
	away := whileAway(t, who)
	l.must(t, "up", "--no-verify")
	t.Logf("requests with a personal token failed for %s while all %d credentials were turned", away().Round(time.Second), len(generations))

	told, err = l.outputs(t.Context())
	require.NoError(t, err)
	after := keys(t, docker, told)
	require.ElementsMatch(t, slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
	for name := range after {
		require.NotEqual(t, before[name], after[name], name)
	}
	for name, is := range taken(t, docker, told, before) {
		require.False(t, is, "the old %s is taken", name)
	}
	for name, is := range taken(t, docker, told, after) {
		require.True(t, is, "the new %s is refused", name)
	}
	require.NotEqual(t, superuser, inAuth(t, told, docker, "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'"))
	// A session is of the old key; a personal token is of none.
	require.Equal(t, []int{401, 200}, who.tries(t)[:2])
	require.Regexp(t, allPassed, l.must(t, "verify").stdout)
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
}

// whileAway asks again and again until what it returns is called, which tells how long
// there was no proper answer.
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
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, who.told.MLflow.URL+mePath, nil)
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
