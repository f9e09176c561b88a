package platform

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
)

// gateway returns nil if the AI gateway is disabled.
func (p *Platform) gateway() *mlflow.Gateway {
	set := p.config.MLflow.Gateway
	if set == nil {
		return nil
	}
	return &mlflow.Gateway{Providers: set.Providers, Targets: mlflow.Targets{Hosts: set.Hosts, OwnServers: set.OwnServers}}
}

// webhooks returns nil if webhooks are disabled.
func (p *Platform) webhooks() *mlflow.Webhooks {
	set := p.config.MLflow.Webhooks
	if set == nil {
		return nil
	}
	return &mlflow.Webhooks{
		Targets: mlflow.Targets{Hosts: set.Hosts, OwnServers: set.OwnServers},
		Key:     p.credentials.FernetKey(credentials.MLflowWebhooks),
	}
}

// storedKeys returns the keys of secrets that users store in MLflow. API keys may remain from
// when the gateway was enabled.
func (p *Platform) storedKeys() []mlflow.Key {
	labels := []credentials.Label{credentials.MLflowGateway}
	if p.config.MLflow.Webhooks != nil {
		labels = append(labels, credentials.MLflowWebhooks)
	}
	keys := make([]mlflow.Key, 0, len(labels))
	for _, label := range labels {
		h := p.credentials.History(label)
		keys = append(keys, mlflow.Key{Label: string(label), Version: h.Version, Value: h.Value, Previous: h.Previous})
	}
	return keys
}

// mlflowOutputs lists the hosts that may be called only if there are any.
func (p *Platform) mlflowOutputs() pulumi.Map {
	all := pulumi.Map{"container": p.mlflow.Container, "url": pulumi.String(p.mlflow.Public.String())}
	if g := p.config.MLflow.Gateway; g != nil {
		all["gatewayProviders"] = pulumi.ToStringArray(g.Providers)
	}
	if w := p.config.MLflow.Webhooks; w != nil {
		hosts := make([]string, 0, len(w.Hosts)+len(w.OwnServers))
		for _, host := range w.Hosts {
			hosts = append(hosts, "https://"+host)
		}
		all["webhookTargets"] = pulumi.ToStringArray(append(hosts, w.OwnServers...))
	}
	return all
}
