//go:build e2e

package e2e

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// keysScript runs in MLflow's container, which reaches every service, and reports for each key
// whether its service accepts it.
//
//go:embed testdata/keys.py
var keysScript string

//go:embed testdata/gateway.py
var gatewayScript string

// holding are the containers' variables with rotatable values, by container.
var holding = map[string][]string{
	"mlflow":   {"MLFLOW_BACKEND_STORE_URI", "OIDC_USERS_DB_URI", "CACHE_REDIS_URL", "OIDC_CLIENT_SECRET", "SECRET_KEY", "SESSION_TOKEN_ENCRYPTION_KEY"},
	"keycloak": {"KC_DB_PASSWORD"}, "keeper": {"KEEPER_CLIENT_SECRET"}, "postgres": {"POSTGRES_SUPERUSER_PASSWORD"},
	"backup": {"RESTIC_PASSWORD", "BACKUP_PASSWORD_MLFLOW"},
}

// keys are the current values of a stack.
func keys(t *testing.T, docker *engine.Engine, deployed outputs.Stack) map[string]string {
	t.Helper()
	all := map[string]string{"access admin": deployed.AccessAdmin.Secret, "provider": deployed.Keycloak.Provider.Secret, "admin": deployed.Keycloak.Admin.Password}
	for _, account := range deployed.ServiceAccounts {
		all["account "+account.Name] = account.Secret
	}
	for _, user := range deployed.DemoUsers {
		all[user.Username] = user.Password
	}
	variables := map[string]string{"MLFLOW_CRYPTO_KEK_VERSION": "1"}
	for component, names := range holding {
		seen, err := docker.API().ContainerInspect(t.Context(), deployed.Deployment+"-"+component)
		require.NoError(t, err)
		for _, pair := range seen.Config.Env {
			name, value, _ := strings.Cut(pair, "=")
			variables[name] = value
			if slices.Contains(names, name) {
				all[name] = value
			}
		}
	}
	all["gateway"] = variables["MLFLOW_CRYPTO_KEK_VERSION"] + " " + variables["MLFLOW_CRYPTO_KEK_PASSPHRASE"]
	all["superuser"] = inAuth(t, deployed, docker, "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
	require.Len(t, all, 20, "a credential more or less than this test knows")
	for name, value := range all {
		require.NotEmpty(t, value, name)
	}
	return all
}

// taken reports for each key whether its service accepts it. Keys that only MLflow uses are
// tested by their effect.
func taken(t *testing.T, docker *engine.Engine, deployed outputs.Stack, all map[string]string) map[string]bool {
	t.Helper()
	input, err := json.Marshal(all)
	require.NoError(t, err)
	ran, err := docker.Exec(t.Context(), deployed.MLflow.Container, []string{"python", "-c", keysScript}, engine.Stdin(strings.NewReader(string(input))))
	require.NoError(t, err)
	require.NoError(t, ran.Err())
	var answer map[string]bool
	require.NoError(t, json.Unmarshal([]byte(ran.Stdout), &answer))
	require.Len(t, answer, 11)

	for _, user := range deployed.DemoUsers {
		answer[user.Username] = logsIn(t, deployed, user.Username, all[user.Username]) != "wrong password"
	}
	said := gateway(t, docker, deployed, all["gateway"], "other")
	require.Regexp(t, "stored-before|refused", said)
	answer["gateway"] = strings.Contains(said, "stored-before")
	answer["RESTIC_PASSWORD"] = opensRepository(t, docker, deployed, all["RESTIC_PASSWORD"])
	return answer
}

// opensRepository reports whether a key or a passphrase opens the snapshots.
func opensRepository(t *testing.T, docker *engine.Engine, deployed outputs.Stack, key string) bool {
	t.Helper()
	ran, err := docker.Exec(t.Context(), deployed.Backup.Container, []string{
		"bash", "-c", "read -r RESTIC_PASSWORD; export RESTIC_PASSWORD; exec restic cat config --no-lock --no-cache --quiet >/dev/null",
	}, engine.Stdin(strings.NewReader(key+"\n")))
	require.NoError(t, err)
	require.Contains(t, []int{0, 12}, ran.ExitCode, ran.Stderr)
	return ran.ExitCode == 0
}

// gateway runs an action with the API key that is stored in MLflow.
func gateway(t *testing.T, docker *engine.Engine, deployed outputs.Stack, input, what string) string {
	t.Helper()
	ran, err := docker.Exec(t.Context(), deployed.MLflow.Container, []string{"python", "-c", gatewayScript, what}, engine.Stdin(strings.NewReader(input)))
	require.NoError(t, err)
	require.NoError(t, ran.Err())
	return ran.Stdout
}
