package tests

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// outgoingVariables are set exactly if outgoing calls are enabled.
var outgoingVariables = []string{
	"MLFLOW_SSO_GATEWAY_PROVIDERS", "MLFLOW_SSO_GATEWAY_HOSTS", "MLFLOW_SSO_GATEWAY_OWN_SERVERS",
	"MLFLOW_SSO_WEBHOOK_HOSTS", "MLFLOW_SSO_WEBHOOK_OWN_SERVERS", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY",
}

func TestNoStackFileLetsTheServerCallOut(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		env := environment(t, service(t, r, "mlflow"))
		require.Equal(t, "false", env["MLFLOW_ENABLE_AI_GATEWAY"].Value)
		for _, name := range outgoingVariables {
			require.NotContains(t, env, name)
		}
	})
}

// recordOutgoing records dev with the AI gateway and webhooks on.
func recordOutgoing(t *testing.T) *pulumimock.Recording {
	t.Helper()
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	values["mlflow-sso:mlflow"] = `{"publicURL":"http://localhost:5000","gateway":{"providers":["openai","azure"],"hosts":["api.openai.com","llm.example.com:8443"],
		"ownServers":["http://llm.internal:8000"]},"webhooks":{"hosts":["hooks.example.com"],"ownServers":["http://ci.internal:8080"]}}`
	r, err := runWith(t, values)
	require.NoError(t, err)
	return r
}

func TestWhatMayCallOutGetsItsHostsAndADerivedKey(t *testing.T) {
	r := recordOutgoing(t)
	for name, want := range map[string]string{
		"MLFLOW_ENABLE_AI_GATEWAY": "true", "OIDC_GEN_AI_GATEWAY_ENABLED": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
		"MLFLOW_SSO_GATEWAY_PROVIDERS": "openai,azure", "MLFLOW_SSO_GATEWAY_HOSTS": "api.openai.com,llm.example.com:8443",
		"MLFLOW_SSO_GATEWAY_OWN_SERVERS": "http://llm.internal:8000", "MLFLOW_SSO_WEBHOOK_HOSTS": "hooks.example.com", "MLFLOW_SSO_WEBHOOK_OWN_SERVERS": "http://ci.internal:8080",
	} {
		require.Equal(t, want, variable(t, r, "mlflow", name).Value, name)
	}
	key := variable(t, r, "mlflow", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY")
	require.True(t, key.Secret)
	require.Equal(t, fernet(t, credentials.MLflowWebhooks), key.Value)
	var holders []string
	for _, found := range findings(t, r) {
		if found.label == credentials.MLflowWebhooks {
			holders = append(holders, found.where)
		}
	}
	require.Equal(t, []string{"mlflow-container MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", "mlflow-webhook-key value"}, holders)
	require.Equal(t, []any{"https://hooks.example.com", "http://ci.internal:8080"}, r.ClearOutputs()["mlflow"].(map[string]any)["webhookTargets"])
}

// A secret that MLflow or the plugin generates in each process differs between workers and is lost
// at a restart. tests/application finds the places inside the image and compares them with the file.
func TestEveryVariableWithARandomDefaultIsSetWhereItIsUsed(t *testing.T) {
	raw, err := os.ReadFile(inRepository("tests/application/random_defaults.json"))
	require.NoError(t, err)
	var known map[string]struct{ Variable, Set, Why string }
	require.NoError(t, json.Unmarshal(raw, &known))
	require.NotEmpty(t, known)
	withWebhooks := environment(t, service(t, recordOutgoing(t), "mlflow"))
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		env := environment(t, service(t, r, "mlflow"))
		for place, one := range known {
			require.NotEmpty(t, one.Why, place)
			if one.Variable == "" {
				continue
			}
			_, always := env[one.Variable]
			_, webhooks := withWebhooks[one.Variable]
			require.Contains(t, []string{"always", "webhooks", "never"}, one.Set, place)
			require.Equal(t, one.Set == "always", always, one.Variable)
			require.Equal(t, one.Set != "never", webhooks, one.Variable)
		}
	})
}

func TestTheComponentRefusesWhatTheSettingsRefuse(t *testing.T) {
	args := &mlflow.Args{Gateway: &mlflow.Gateway{Providers: []string{"vertex_ai"}, Targets: mlflow.Targets{OwnServers: []string{"http://mlflow:5000"}}}, Webhooks: &mlflow.Webhooks{}}
	err := args.Validate()
	for _, want := range []string{"Gateway.Providers: got \"vertex_ai\"", "Gateway.OwnServers: got \"http://mlflow:5000\"", "Webhooks.Key is missing", "Webhooks has no Hosts"} {
		require.ErrorContains(t, err, want)
	}
}
