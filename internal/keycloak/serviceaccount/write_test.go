package serviceaccount

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

var (
	deployed = outputs.Stack{
		Deployment: "d", MLflow: outputs.MLflow{URL: "https://mlflow.example.com"},
		Realm: outputs.Realm{Issuer: "https://auth.example.com:8443/realms/mlflow"},
	}
	account = outputs.ServiceAccount{Name: "ci", Username: "service-account-ci", Secret: "the-secret"}
)

func written(t *testing.T, form, authority string) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, For(deployed, account, authority).Write(&out, form))
	return out.String()
}

func TestEachFormatContainsAJobsCredentialsAndItsReaderParsesIt(t *testing.T) {
	want := map[string]string{
		"MLFLOW_TRACKING_URI": "https://mlflow.example.com", "MLFLOW_TRACKING_AUTH": "mlflow-sso",
		"MLFLOW_SSO_TOKEN_URL": "https://auth.example.com:8443/realms/mlflow/protocol/openid-connect/token",
		"MLFLOW_SSO_CLIENT_ID": "ci", "MLFLOW_SSO_CLIENT_SECRET": "the-secret",
	}
	got := map[string]string{}
	for line := range strings.Lines(written(t, Env, "")) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		require.True(t, ok, line)
		require.NotRegexp(t, `["'\s$\\]`, value, "a shell would take it for something else")
		got[name] = value
	}
	require.Equal(t, want, got)

	var secret struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		StringData map[string]string `yaml:"stringData"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(written(t, Kubernetes, "PEM\nPEM\n")), &secret))
	require.Equal(t, "v1 Secret mlflow-ci", secret.APIVersion+" "+secret.Kind+" "+secret.Metadata.Name)
	require.Equal(t, "PEM\nPEM\n", secret.StringData["ca.crt"])
	delete(secret.StringData, "ca.crt")
	require.Equal(t, want, secret.StringData)

	require.Equal(t, "machine auth.example.com\nlogin ci\npassword the-secret\n", written(t, Netrc, ""))

	var job Credentials
	require.NoError(t, json.Unmarshal([]byte(written(t, JSON, "PEM")), &job))
	require.Equal(t, For(deployed, account, "PEM"), job)

	require.ErrorContains(t, For(deployed, account, "").Write(&strings.Builder{}, "xml"), `got the form "xml", want env`)
}

func TestTheAuthorityThatUsersMustTrustIsReported(t *testing.T) {
	require.NotContains(t, written(t, Env, ""), "#")
	require.Contains(t, written(t, Env, "PEM"), "\n#MLFLOW_SSO_CA_FILE=\n")
	require.NotContains(t, written(t, Kubernetes, ""), "ca.crt")
}

func TestARefusedAccountIsReportedWithoutItsSecret(t *testing.T) {
	keycloak := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		require.Equal(t, "ci the-secret", id+" "+secret)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}`))
	}))
	defer keycloak.Close()
	at := deployed
	at.Realm.Issuer = keycloak.URL

	_, err := Token(t.Context(), keycloak.Client(), at, account)

	require.ErrorContains(t, err, "token of ci: Keycloak at "+keycloak.URL)
	require.ErrorContains(t, err, "401 Unauthorized (unauthorized_client Invalid client")
	require.NotContains(t, err.Error(), "the-secret")
}
