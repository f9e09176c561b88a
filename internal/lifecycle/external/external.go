// Package external checks the external services of a stack: databases, a cache and an object
// store. It connects to them as the stack's containers will, and explains the errors of their
// clients.
package external

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/network"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// tryWithin limits the check of all external services. Each client times out earlier.
const tryWithin = 2 * time.Minute

// Probe connects to the external services as the stack's containers will: from MLflow's image, on
// the edge network. Otherwise an update would wait minutes for a container that cannot reach its
// database, with an unhelpful error. Only that image has been created or changed by then. It
// returns whether a Keycloak has left data in a database there.
func Probe(ctx context.Context, s *stack.Stack, step stack.Step, known *stack.State) (holds bool, err error) {
	external, err := platform.ReadExternal(s.Config)
	if err != nil || !external.Any() {
		return false, err
	}
	step.Say("checking external services")
	made, err := s.EnsureImage(ctx, step, known, "mlflow")
	if err != nil {
		return false, err
	}
	asked, secrets := asked(external)
	input, err := json.Marshal(asked)
	if err != nil {
		return false, fmt.Errorf("external services: %w", err)
	}
	once := engine.RunSpec{
		Name: naming.Container(s.Config.Name, "check"), Image: made, Network: egressNetwork(ctx, s), Within: tryWithin,
		Labels: map[string]string{naming.Deployment: s.Config.Name, naming.Component: "check"},
	}
	said, err := probe.ExternalServices.RunOnce(ctx, s.Docker, once, input)
	if err != nil {
		return false, fmt.Errorf("check external services: %s", without(secrets, err.Error()))
	}
	var seen []probeResult
	if err := json.Unmarshal(said, &seen); err != nil {
		return false, fmt.Errorf("check external services: got an answer that is not a list: %w", err)
	}
	for i := range seen {
		seen[i].Said = without(secrets, seen[i].Said)
		holds = holds || seen[i].Keycloak
	}
	return holds, judge(external, seen)
}

// egressNetwork returns the network through which the stack's containers reach external services
// or, before it exists, Docker's default network.
func egressNetwork(ctx context.Context, s *stack.Stack) string {
	edge := naming.Network(s.Config.Name, naming.EdgeNetwork)
	if _, err := s.Docker.API().NetworkInspect(ctx, edge, network.InspectOptions{}); err != nil {
		return network.NetworkBridge
	}
	return edge
}

// asked is the probe's input, and the secrets in it.
func asked(e platform.External) (map[string]any, []string) {
	all, secrets := map[string]any{}, []string{}
	if e.Postgres != nil {
		databases := map[string]string{}
		for name, password := range e.Postgres.Passwords {
			databases[name] = e.Postgres.URI(name)
			secrets = append(secrets, databases[name], password)
		}
		all[postgresService] = databases
	}
	if e.Redis != nil {
		all[redisService] = map[string]string{"url": e.Redis.URL(), "prefix": e.Redis.Prefix}
		secrets = append(secrets, e.Redis.URL(), e.Redis.Password)
	}
	if e.Artifacts != nil {
		all[s3Service] = map[string]any{
			"bucket": e.Artifacts.Bucket, "prefix": e.Artifacts.Prefix, "key_id": e.Artifacts.AccessKeyID, "secret": e.Artifacts.SecretKey,
			"settings": e.Artifacts.Settings(),
		}
		secrets = append(secrets, e.Artifacts.SecretKey)
	}
	return all, secrets
}

// without removes the secrets from a text, in case a client repeats one.
func without(secrets []string, text string) string {
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return text
}
