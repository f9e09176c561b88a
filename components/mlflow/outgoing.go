package mlflow

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// Targets are the hosts that the server may call for one feature.
type Targets struct {
	// Hosts are called over https and at public addresses only: "api.openai.com" or
	// "llm.example.com:8443".
	Hosts []string
	// OwnServers are origins whose address may be private: "http://llm.internal:8000".
	OwnServers []string
}

// Gateway enables the AI gateway.
type Gateway struct {
	// Providers are the enabled ones of [GatewayProviders].
	Providers []string
	Targets
}

// Webhooks enables webhooks.
type Webhooks struct {
	Targets
	// Key encrypts the webhooks' secrets, in Fernet's format.
	Key pulumi.StringInput
}

// GatewayProviders are the providers that the AI gateway supports: all their calls pass the
// server's check (images/mlflow: ai_gateway.py).
func GatewayProviders() []string {
	return []string{"anthropic", "azure", "deepseek", "gemini", "groq", "mistral", "ollama", "openai", "openrouter", "portkey", "typesafe", "xai"}
}

const (
	needsLiteLLM = "needs the package litellm, which the image does not have"
	cloudAccount = "may use the cloud credentials of the server itself, and its client blocks"
)

// refusedProviders are MLflow's providers that are not supported, each with the reason.
var refusedProviders = map[string]string{
	"vertex_ai":                             "blocks a server process while it fetches a token from an address that its credentials name, and may use the server's own cloud credentials",
	"bedrock":                               cloudAccount,
	"amazon-bedrock":                        cloudAccount,
	"databricks":                            cloudAccount,
	"databricks-model-serving":              cloudAccount,
	"ai21labs":                              needsLiteLLM,
	"cohere":                                needsLiteLLM,
	"huggingface-text-generation-inference": needsLiteLLM,
	"litellm":                               needsLiteLLM,
	"mlflow-model-serving":                  needsLiteLLM,
	"mosaicml":                              needsLiteLLM,
	"palm":                                  needsLiteLLM,
	"sap-ai-core":                           needsLiteLLM,
	"togetherai":                            needsLiteLLM,
}

// CheckGatewayProvider validates the name of a provider.
func CheckGatewayProvider(name string) error {
	want := "want one of " + strings.Join(GatewayProviders(), ", ")
	if reason, ok := refusedProviders[name]; ok {
		return fmt.Errorf("got %q, which %s: %s", name, reason, want)
	}
	if !slices.Contains(GatewayProviders(), name) {
		return fmt.Errorf("got the unknown provider %q, %s", name, want)
	}
	return nil
}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// CheckHost validates one of [Targets.Hosts].
func CheckHost(text string) error {
	const want = "want a host name in lower case, with a port unless it is 443, such as api.openai.com or llm.example.com:8443"
	name, port, hasPort := strings.Cut(text, ":")
	if _, err := netip.ParseAddr(name); err == nil || !hostName.MatchString(name) || !strings.Contains(name, ".") {
		return fmt.Errorf("got %q, %s; a server at a private address goes into ownServers", text, want)
	}
	if n, err := strconv.Atoi(port); hasPort && (err != nil || n < 1 || n > 65535 || n == 443 || strconv.Itoa(n) != port) {
		return fmt.Errorf("got port %q in %q, %s", port, text, want)
	}
	return nil
}

// stackHosts are the network names of the stack's own containers.
var stackHosts = []string{"backup", "edge", "keeper", "keycloak", "mlflow", "postgres", "redis", "localhost"}

// CheckOwnServer validates one of [Targets.OwnServers].
func CheckOwnServer(text string) error {
	const want = `want an origin with a port, such as "http://llm.internal:8000", or "https://llm.internal"`
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.String() != u.Scheme+"://"+u.Host {
		return fmt.Errorf("got %q, %s", text, want)
	}
	name := u.Hostname()
	address, err := netip.ParseAddr(name)
	switch n, notNumber := strconv.Atoi(u.Port()); {
	case err != nil && !hostName.MatchString(name):
		return fmt.Errorf("got host %q in %q, want a name in lower case or an IP address", name, text)
	case u.Port() == "" && u.Scheme == "http", strings.HasSuffix(u.Host, ":"):
		return fmt.Errorf("got %q without a port, %s", text, want)
	case u.Port() != "" && (notNumber != nil || n < 1 || n > 65535):
		return fmt.Errorf("got port %q in %q, want 1 to 65535", u.Port(), text)
	case slices.Contains(stackHosts, name) || strings.HasSuffix(name, ".localhost") || address.Unmap().IsLoopback():
		return fmt.Errorf("got %q, which is the stack itself: want another server", text)
	case address.IsValid() && (address.Unmap().IsUnspecified() || address.Unmap().IsMulticast() || address.Unmap().IsLinkLocalUnicast()):
		return fmt.Errorf("got %q, which is not an address of a server, or is link-local, where clouds keep credentials", text)
	}
	return nil
}

// check reports every mistake.
func (t Targets) check(m *argcheck.List, of string) {
	m.Require(len(t.Hosts)+len(t.OwnServers) > 0, "%s has no Hosts and no OwnServers, want one or more", of)
	for _, host := range t.Hosts {
		err := CheckHost(host)
		m.Require(err == nil, "%s.Hosts: %v", of, err)
	}
	for _, server := range t.OwnServers {
		err := CheckOwnServer(server)
		m.Require(err == nil, "%s.OwnServers: %v", of, err)
	}
}

func (a *Args) checkOutgoing(m *argcheck.List) {
	if a.Gateway != nil {
		m.Require(len(a.Gateway.Providers) > 0, "Gateway.Providers is empty, want one or more of %s", strings.Join(GatewayProviders(), ", "))
		for _, provider := range a.Gateway.Providers {
			err := CheckGatewayProvider(provider)
			m.Require(err == nil, "Gateway.Providers: %v", err)
		}
		a.Gateway.check(m, "Gateway")
	}
	if a.Webhooks != nil {
		m.Require(a.Webhooks.Key != nil, "Webhooks.Key is missing, want the key of their secrets")
		a.Webhooks.check(m, "Webhooks")
	}
}

// outgoing adds the variables that enable features which call other hosts.
func (a *Args) outgoing(env map[string]pulumi.StringInput) {
	if g := a.Gateway; g != nil {
		maps.Copy(env, map[string]pulumi.StringInput{
			"MLFLOW_ENABLE_AI_GATEWAY":     yes,
			"OIDC_GEN_AI_GATEWAY_ENABLED":  yes,
			"MLFLOW_SSO_GATEWAY_PROVIDERS": joined(g.Providers),
		})
		g.environment(env, "MLFLOW_SSO_GATEWAY")
	}
	if w := a.Webhooks; w != nil {
		// The default is random in each process.
		env["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"] = w.Key
		w.environment(env, "MLFLOW_SSO_WEBHOOK")
	}
}

func (t Targets) environment(env map[string]pulumi.StringInput, prefix string) {
	if len(t.Hosts) > 0 {
		env[prefix+"_HOSTS"] = joined(t.Hosts)
	}
	if len(t.OwnServers) > 0 {
		env[prefix+"_OWN_SERVERS"] = joined(t.OwnServers)
	}
}

func joined(all []string) pulumi.String { return pulumi.String(strings.Join(all, ",")) }
