package provider

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
)

// CheckConfig demands a client, and whether it is MLflow's container or Keycloak's address
// that it is for.
func (s *server) CheckConfig(_ context.Context, r plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	var failures []plugin.CheckFailure
	isText := func(name resource.PropertyKey) bool {
		value := plain(r.News[name])
		return value.IsString() || value.ContainsUnknowns()
	}
	for _, name := range []resource.PropertyKey{"clientId", "clientSecret"} {
		if !isText(name) {
			failures = append(failures, plugin.CheckFailure{Property: name, Reason: "is missing, want a text"})
		}
	}
	if isText("container") == isText("url") {
		failures = append(failures, plugin.CheckFailure{Property: "container", Reason: "got both or neither of container and url, want one of them"})
	}
	return plugin.CheckConfigResponse{Properties: r.News, Failures: failures}, nil
}

// DiffConfig never replaces what is made with the provider: it is the same MLflow, or the
// same Keycloak.
func (s *server) DiffConfig(_ context.Context, r plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	return compared(r.OldInputs, r.NewInputs, nil), nil
}

func (s *server) Configure(_ context.Context, r plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	if r.Inputs.ContainsUnknowns() {
		return plugin.ConfigureResponse{}, nil // the first preview of all
	}
	client, secret := text(r.Inputs, "clientId"), text(r.Inputs, "clientSecret")
	s.one.Lock()
	defer s.one.Unlock()
	if url := text(r.Inputs, "url"); url != "" {
		s.at.keycloak = &outputs.Keycloak{AdminURL: url, Provider: outputs.Client{ID: client, Secret: secret}}
		return plugin.ConfigureResponse{}, nil
	}
	s.at.mlflow = &accessclient.Client{Container: text(r.Inputs, "container"), Client: client, Secret: secret}
	return plugin.ConfigureResponse{}, nil
}

// configured says whether the provider knows what it is for.
func (s *server) configured() bool {
	s.one.Lock()
	defer s.one.Unlock()
	return s.at != target{}
}

// connected is where resources of a kind are, for MLflow's as soon as the Docker host answers.
func (s *server) connected(ctx context.Context, of kind) (target, error) {
	s.one.Lock()
	defer s.one.Unlock()
	if of.ofKeycloak() && s.at.keycloak != nil {
		return s.at, nil
	}
	if of.ofKeycloak() || s.at.mlflow == nil {
		return target{}, fmt.Errorf("plugin %s: got a provider that was configured for another service, want one for that of the resource; this is a mistake in the program", pulumiplugin.Name)
	}
	if s.at.mlflow.Docker == nil {
		docker, err := engine.Open(ctx)
		if err != nil {
			return target{}, fmt.Errorf("%w: %w", accessclient.ErrAbsent, err)
		}
		s.at.mlflow.Docker = docker
	}
	return s.at, nil
}
