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

// CheckConfig requires Keycloak's address or a container, and a client's ID and secret together.
// Without a client the provider does not log in.
func (s *server) CheckConfig(_ context.Context, r plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	var failures []plugin.CheckFailure
	isText := func(name resource.PropertyKey) bool {
		value := plain(r.News[name])
		return value.IsString() || value.ContainsUnknowns()
	}
	if isText("clientId") != isText("clientSecret") {
		failures = append(failures, plugin.CheckFailure{Property: "clientSecret", Reason: "got one of clientId and clientSecret, want both or neither"})
	}
	if isText("container") && isText("url") {
		failures = append(failures, plugin.CheckFailure{Property: "container", Reason: "got both container and url, want one of them at most"})
	}
	return plugin.CheckConfigResponse{Properties: r.News, Failures: failures}, nil
}

// DiffConfig never replaces resources: it is the same MLflow, or the same Keycloak.
func (s *server) DiffConfig(_ context.Context, r plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	return compared(r.OldInputs, r.NewInputs, nil), nil
}

func (s *server) Configure(_ context.Context, r plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	if r.Inputs.ContainsUnknowns() {
		return plugin.ConfigureResponse{}, nil // the very first preview
	}
	client, secret := text(r.Inputs, "clientId"), text(r.Inputs, "clientSecret")
	s.one.Lock()
	defer s.one.Unlock()
	s.configured = true
	if url := text(r.Inputs, "url"); url != "" {
		s.at.keycloak = &outputs.Keycloak{AdminURL: url, Provider: outputs.Client{ID: client, Secret: secret}}
		return plugin.ConfigureResponse{}, nil
	}
	s.at.container = text(r.Inputs, "container")
	if client != "" {
		s.at.mlflow = &accessclient.Client{Container: s.at.container, Client: client, Secret: secret}
	}
	return plugin.ConfigureResponse{}, nil
}

// isConfigured reports whether the provider has its configuration.
func (s *server) isConfigured() bool {
	s.one.Lock()
	defer s.one.Unlock()
	return s.configured
}

// connected connects to what a need requires; containers as soon as the Docker host responds.
// Reports are about one of the resources.
func (s *server) connected(ctx context.Context, of need, urn resource.URN) (target, error) {
	s.one.Lock()
	defer s.one.Unlock()
	at := s.at
	// Pulumi shows reports even after the time for the change is over.
	reports := context.WithoutCancel(ctx)
	at.warn = func(text string) { s.warn(reports, urn, text) }
	at.say = func(text string) { s.say(reports, urn, text) }
	at.progress = func(text string) { s.progress(reports, urn, text) }
	if !at.has(of) {
		return at, fmt.Errorf("plugin %s: got a provider that was configured for another service, want one for that of the resource; this is a mistake in the program", pulumiplugin.Name)
	}
	if of != mlflowAdmin {
		return at, nil
	}
	if s.at.mlflow.Docker == nil {
		docker, err := engine.Open(ctx)
		if err != nil {
			return at, fmt.Errorf("%w: %w", accessclient.ErrAbsent, err)
		}
		s.at.mlflow.Docker = docker
	}
	return at, nil
}

// has reports whether a need is configured.
func (t target) has(of need) bool {
	switch of {
	case keycloakAddress:
		return t.keycloak != nil
	case keycloakAdmin:
		return t.keycloak != nil && t.keycloak.Provider.ID != ""
	case mlflowAdmin:
		return t.mlflow != nil
	default:
		return true
	}
}
