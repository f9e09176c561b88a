package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func withMLflow(members string) map[string]string {
	values := localhost()
	values["mlflow-sso:mlflow"] = `{"publicURL":"http://localhost:5000",` + members + `}`
	return values
}

func TestNoOutgoingCallIsEnabledWithoutASetting(t *testing.T) {
	c, err := parse(localhost())
	require.NoError(t, err)
	require.Nil(t, c.MLflow.Gateway)
	require.Nil(t, c.MLflow.Webhooks)

	c, err = parse(withMLflow(`"gateway":{"providers":["openai","ollama"],"hosts":["api.openai.com","llm.example.com:8443"],"ownServers":["http://10.0.0.5:8000","https://llm.internal"]},
		"webhooks":{"hosts":["hooks.example.com"]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"openai", "ollama"}, c.MLflow.Gateway.Providers)
	require.Equal(t, []string{"http://10.0.0.5:8000", "https://llm.internal"}, c.MLflow.Gateway.OwnServers)
	require.Equal(t, []string{"hooks.example.com"}, c.MLflow.Webhooks.Hosts)
}

func TestEveryMistakeAboutOutgoingCallsIsReportedAtOnceByItsKey(t *testing.T) {
	_, err := parse(withMLflow(`"jobs":{},"gateway":{"hosts":["x"]}`))
	require.ErrorContains(t, err, "mlflow-sso:mlflow.jobs: jobs cannot be enabled: MLflow 3.17.2's job runner calls the server back without credentials")

	_, err = parse(withMLflow(`"gateway":{"providers":["vertex_ai","bedrock","databricks","cohere","OpenAI","openai","openai"],
		"hosts":["https://api.openai.com","10.0.0.5","api.openai.com:443","api.openai.com:0","internal","API.openai.com"],
		"ownServers":["llm.internal:8000","http://llm.internal","http://localhost:5000","http://127.0.0.2:1","http://keycloak:8080","http://169.254.169.254:80","http://[::1]:80","http://a.b:1/path","http://u:p@a.b:1","http://0.0.0.0:1","http://a.b:70000","http://A.b:1"]},
		"webhooks":{}`))
	require.Error(t, err)
	for _, want := range []string{
		`mlflow.gateway.providers[0]: got "vertex_ai", which blocks a server process`,
		`mlflow.gateway.providers[1]: got "bedrock", which may use the cloud credentials of the server`,
		`mlflow.gateway.providers[2]: got "databricks", which may use`,
		`mlflow.gateway.providers[3]: got "cohere", which needs the package litellm`,
		`mlflow.gateway.providers[4]: got the unknown provider "OpenAI"`,
		`mlflow.gateway.providers[6]: got "openai" twice`,
		`mlflow.gateway.hosts[0]: got "https://api.openai.com", want a host name`,
		`mlflow.gateway.hosts[1]: got "10.0.0.5", want a host name`, `mlflow.gateway.hosts[2]: got port "443"`, `mlflow.gateway.hosts[3]: got port "0"`,
		`mlflow.gateway.hosts[4]: got "internal"`, `mlflow.gateway.hosts[5]: got "API.openai.com"`,
		`mlflow.gateway.ownServers[0]: got "llm.internal:8000"`, `mlflow.gateway.ownServers[1]: got "http://llm.internal" without a port`,
		`mlflow.gateway.ownServers[2]: got "http://localhost:5000", which is the stack itself`, `mlflow.gateway.ownServers[3]: got "http://127.0.0.2:1", which is the stack`,
		`mlflow.gateway.ownServers[4]: got "http://keycloak:8080", which is the stack`, `mlflow.gateway.ownServers[5]: got "http://169.254.169.254:80"`,
		`mlflow.gateway.ownServers[6]: got "http://[::1]:80", which is the stack`, `mlflow.gateway.ownServers[7]: got "http://a.b:1/path"`,
		`mlflow.gateway.ownServers[8]: got "http://u:p@a.b:1"`, `mlflow.gateway.ownServers[9]: got "http://0.0.0.0:1"`,
		`mlflow.gateway.ownServers[10]: got port "70000"`, `mlflow.gateway.ownServers[11]: got`,
		"mlflow.webhooks: got no hosts and no ownServers",
	} {
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, 25, strings.Count(err.Error(), "mlflow-sso:mlflow."), err)

	_, err = parse(withMLflow(`"gateway":{"hosts":["api.openai.com"]}`))
	require.ErrorContains(t, err, "mlflow.gateway.providers: got none")
}

func TestTheKeyOfWebhooksIsRotatedOnlyWhereThereAreWebhooks(t *testing.T) {
	values := localhost()
	values["mlflow-sso:credentials"] = `{"generations":{"mlflow/webhook-key":2}}`
	_, err := parse(values)
	require.ErrorContains(t, err, "credentials.generations.mlflow/webhook-key: got 2 without mlflow.webhooks")
	values["mlflow-sso:mlflow"] = `{"publicURL":"http://localhost:5000","webhooks":{"hosts":["hooks.example.com"]}}`
	_, err = parse(values)
	require.NoError(t, err)
}
