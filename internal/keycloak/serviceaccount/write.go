package serviceaccount

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// Formats of the credentials for a job.
const (
	Env        = "env"
	Netrc      = "netrc"
	Kubernetes = "kubernetes"
	JSON       = "json"
)

// The variables of MLflow's Python client, and those of clients/python.
const (
	trackingURI  = "MLFLOW_TRACKING_URI"
	trackingAuth = "MLFLOW_TRACKING_AUTH"
	tokenURL     = "MLFLOW_SSO_TOKEN_URL"
	clientID     = "MLFLOW_SSO_CLIENT_ID"
	clientSecret = "MLFLOW_SSO_CLIENT_SECRET"

	// authName is the name of clients/python in MLflow.
	authName = "mlflow-sso"
)

// Credentials are what a job needs to get tokens itself.
type Credentials struct {
	Account   string `json:"account"`
	Username  string `json:"username"`
	MLflow    string `json:"trackingUri"`
	TokenURL  string `json:"tokenUrl"`
	Secret    string `json:"clientSecret"`
	Authority string `json:"authority,omitempty"`
}

// For returns an account's credentials. The authority is the certificate, in PEM, that the job's
// machine must trust; none if it is a public one.
func For(deployed outputs.Stack, account outputs.ServiceAccount, authority string) Credentials {
	return Credentials{
		Account: account.Name, Username: account.Username, MLflow: deployed.MLflow.URL, TokenURL: TokenURL(deployed),
		Secret: account.Secret, Authority: authority,
	}
}

func (j Credentials) variables() [][2]string {
	return [][2]string{
		{trackingURI, j.MLflow},
		{trackingAuth, authName},
		{tokenURL, j.TokenURL},
		{clientID, j.Account},
		{clientSecret, j.Secret},
	}
}

// Write writes them in one of the formats.
func (j Credentials) Write(w io.Writer, form string) error {
	switch form {
	case Env:
		return j.env(w)
	case Netrc:
		return j.netrc(w)
	case Kubernetes:
		return j.kubernetes(w)
	case JSON:
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(j)
	}
	return fmt.Errorf("got the form %q, want %s, %s, %s or %s", form, Env, Netrc, Kubernetes, JSON)
}

// env writes lines for shells, Docker and Airflow: no value needs quotes.
func (j Credentials) env(w io.Writer) error {
	for _, v := range j.variables() {
		if _, err := fmt.Fprintf(w, "%s=%s\n", v[0], v[1]); err != nil {
			return err
		}
	}
	if j.Authority == "" {
		return nil
	}
	_, err := fmt.Fprint(w, "# The stack has its own certificate authority: put what `mlflow-sso ca-certificate` prints into a file, and name it here, twice.\n"+
		"#MLFLOW_TRACKING_SERVER_CERT_PATH=\n#MLFLOW_SSO_CA_FILE=\n")
	return err
}

// netrc is for Keycloak, where curl and Python's requests send the secret as a password; MLflow
// accepts no password of an account.
func (j Credentials) netrc(w io.Writer) error {
	u, err := url.Parse(j.TokenURL)
	if err != nil {
		return fmt.Errorf("address of Keycloak: %w", err)
	}
	_, err = fmt.Fprintf(w, "machine %s\nlogin %s\npassword %s\n", u.Hostname(), j.Account, j.Secret)
	return err
}

// authorityKey is the authority's file if the Secret is mounted as a volume.
const authorityKey = "ca.crt"

func (j Credentials) kubernetes(w io.Writer) error {
	data := map[string]string{}
	for _, v := range j.variables() {
		data[v[0]] = v[1]
	}
	if j.Authority != "" {
		data[authorityKey] = j.Authority
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	err := encoder.Encode(struct {
		APIVersion string            `yaml:"apiVersion"`
		Kind       string            `yaml:"kind"`
		Metadata   map[string]string `yaml:"metadata"`
		Type       string            `yaml:"type"`
		Data       map[string]string `yaml:"stringData"`
	}{"v1", "Secret", map[string]string{"name": "mlflow-" + j.Account}, "Opaque", data})
	if err != nil {
		return err
	}
	return encoder.Close()
}
