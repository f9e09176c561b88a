package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
)

// Gateway turns MLflow's AI gateway on. It is off if it is absent.
type Gateway struct {
	// Providers are the allowed model providers: anthropic, azure, deepseek, gemini, groq,
	// mistral, ollama, openai, openrouter, portkey, typesafe, xai.
	Providers []string `json:"providers"`
	// Hosts are the hosts that the gateway may call over https, such as api.openai.com or
	// llm.example.com:8443. Their addresses must be public.
	Hosts []string `json:"hosts"`
	// OwnServers are origins with a private address that the gateway may call, such as
	// http://llm.internal:8000.
	OwnServers []string `json:"ownServers"`
}

// Webhooks turns MLflow's webhooks on. They are off if it is absent.
type Webhooks struct {
	// Hosts are the hosts that webhooks may call over https, such as hooks.example.com. Their
	// addresses must be public.
	Hosts []string `json:"hosts"`
	// OwnServers are origins with a private address that webhooks may call, such as
	// http://ci.internal:8080.
	OwnServers []string `json:"ownServers"`
}

// noJobs is the reason why mlflow.jobs is refused.
const noJobs = "jobs cannot be enabled: MLflow 3.17.2's job runner calls the server back without credentials, so that nothing it starts " +
	"works behind a login, and takes 1.4 GiB; run judges and evaluations in a client (docs/how-to/ai-gateway-and-webhooks.md)"

// outgoing validates the settings that make the server call other hosts.
func (v *validation) outgoing(c *Config) {
	if g := c.MLflow.Gateway; g != nil {
		if len(g.Providers) == 0 {
			v.fail("mlflow.gateway.providers", "got none, want one or more of %s", strings.Join(mlflow.GatewayProviders(), ", "))
		}
		v.each("mlflow.gateway.providers", g.Providers, mlflow.CheckGatewayProvider)
		v.targets("mlflow.gateway", g.Hosts, g.OwnServers)
	}
	if w := c.MLflow.Webhooks; w != nil {
		v.targets("mlflow.webhooks", w.Hosts, w.OwnServers)
	}
}

func (v *validation) targets(key string, hosts, ownServers []string) {
	if len(hosts)+len(ownServers) == 0 {
		v.fail(key, "got no hosts and no ownServers, want one or more hosts that the server may call; leave %s out to keep it off", key)
	}
	v.each(key+".hosts", hosts, mlflow.CheckHost)
	v.each(key+".ownServers", ownServers, mlflow.CheckOwnServer)
}

// each validates the members of a list, and that they are unique.
func (v *validation) each(key string, list []string, check func(string) error) {
	for i, one := range list {
		if err := check(one); err != nil {
			v.fail(fmt.Sprintf("%s[%d]", key, i), "%w", err)
		} else if slices.Contains(list[:i], one) {
			v.fail(fmt.Sprintf("%s[%d]", key, i), "got %q twice, want it once", one)
		}
	}
}
