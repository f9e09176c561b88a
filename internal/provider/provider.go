// Package provider is the project's own Pulumi provider: permissions, service accounts and grants in MLflow,
// what Keycloak creates by itself, and the proof that the logins work. The tool itself is the plugin's
// binary, under the name that Pulumi searches for.
//
// Packages accessclient and adminrealm change MLflow and Keycloak, so creating an existing object adopts it,
// and the next update completes one that was killed. If MLflow or Keycloak is not running, a preview and a
// refresh use the recorded state: their databases outlive their containers.
package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumiprovider "github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

const (
	// compareTimeout limits a comparison with the actual state, changeTimeout a change.
	compareTimeout = time.Minute
	changeTimeout  = 5 * time.Minute
)

// IsPlugin reports whether Pulumi has started this process as its plugin.
func IsPlugin() bool { return filepath.Base(os.Args[0]) == pulumiplugin.Binary }

// Main serves Pulumi until it ends.
func Main() error {
	return pulumiprovider.Main(pulumiplugin.Name, func(host *pulumiprovider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		say := func(severity diag.Severity) report {
			return func(ctx context.Context, urn resource.URN, text string) {
				_ = host.Log(ctx, severity, urn, text) // Pulumi has ended
			}
		}
		s := newServer(newLoginProofs(os.Getenv(pulumiplugin.DeferVariable) != ""))
		s.warn, s.say = say(diag.Warning), say(diag.Info)
		s.progress = func(ctx context.Context, urn resource.URN, text string) {
			_ = host.LogStatus(ctx, diag.Info, urn, text)
		}
		return plugin.NewProviderServer(s), nil
	})
}

// report shows the user a text about a resource.
type report func(ctx context.Context, urn resource.URN, text string)

// server is one instance of the plugin, for one stack.
type server struct {
	plugin.UnimplementedProvider

	kinds map[tokens.Type]kind
	// say reports permanently, progress until the next report.
	warn, say, progress report
	// cancel ends what must not outlive an interrupt.
	cancel func()

	one sync.Mutex
	at  target
	// configured reports that the whole configuration is known.
	configured bool
	// changing serializes changes of Keycloak: it replaces attributes as a whole, so two
	// concurrent changes of one client would lose one of them.
	changing sync.Mutex
}

// newServer has no receiver for reports yet.
func newServer(proofs *loginProofs) *server {
	silent := func(context.Context, resource.URN, string) {}
	return &server{kinds: kindsWith(proofs), cancel: proofs.cancel, warn: silent, say: silent, progress: silent}
}

var _ plugin.Provider = (*server)(nil)

func (s *server) Handshake(context.Context, plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

func (s *server) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	version := semver.MustParse(pulumiplugin.Version)
	return plugin.PluginInfo{Version: &version}, nil
}

// SignalCancellation ends a running proof. It does not interrupt changes.
func (s *server) SignalCancellation(context.Context) error {
	s.cancel()
	return nil
}

func (s *server) Close() error { return nil }

// kindOf returns the kind of a type.
func (s *server) kindOf(t tokens.Type) (kind, error) {
	of, ok := s.kinds[t]
	if !ok {
		return nil, fmt.Errorf("plugin %s: got type %s, want one that it knows: the plugin is of another version than the program; `%s` builds it",
			pulumiplugin.Name, t, pulumiplugin.Command)
	}
	return of, nil
}

func (s *server) Check(ctx context.Context, r plugin.CheckRequest) (plugin.CheckResponse, error) {
	of, err := s.kindOf(r.Type)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	if r.News.ContainsUnknowns() {
		return plugin.CheckResponse{Properties: r.News}, nil
	}
	inputs, failures := of.check(r.News)
	if of, ok := of.(newcomer); ok && len(failures) == 0 && len(r.Olds) == 0 {
		failures = s.checkNew(ctx, of, r.URN, inputs)
	}
	return plugin.CheckResponse{Properties: inputs, Failures: failures}, nil
}

// checkNew skips what cannot be queried before the first update.
func (s *server) checkNew(ctx context.Context, of newcomer, urn resource.URN, inputs resource.PropertyMap) []plugin.CheckFailure {
	if !s.isConfigured() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	failures, err := of.checkNew(ctx, func(ctx context.Context) (target, error) { return s.connected(ctx, of.(kind).needs(), urn) }, inputs)
	if err != nil {
		s.warn(ctx, urn, err.Error())
	}
	return failures
}

func (s *server) Diff(ctx context.Context, r plugin.DiffRequest) (plugin.DiffResponse, error) {
	of, err := s.kindOf(r.Type)
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	if of, ok := of.(differ); ok {
		return of.diff(r, func(text string) { s.say(ctx, r.URN, text) }), nil
	}
	if r.NewInputs.ContainsUnknowns() {
		return compared(r.OldInputs, r.NewInputs, nil), nil
	}
	var replaces func(resource.PropertyKey) bool
	if of.identity(r.OldInputs) != of.identity(r.NewInputs) {
		replaces = func(name resource.PropertyKey) bool { return !slices.Contains(of.inPlace(), name) }
	}
	return compared(r.OldInputs, r.NewInputs, replaces), nil
}

func (s *server) Create(ctx context.Context, r plugin.CreateRequest) (plugin.CreateResponse, error) {
	of, err := s.kindOf(r.Type)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	if r.Preview {
		return plugin.CreateResponse{Properties: planned(of, r.Properties)}, nil
	}
	made, err := s.set(ctx, of, r.URN, change{inputs: r.Properties})
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	return plugin.CreateResponse{ID: resource.ID(of.identity(r.Properties)), Properties: made}, nil
}

func (s *server) Update(ctx context.Context, r plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	of, err := s.kindOf(r.Type)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if r.Preview {
		return plugin.UpdateResponse{Properties: planned(of, r.NewInputs)}, nil
	}
	made, err := s.set(ctx, of, r.URN, change{inputs: r.NewInputs, before: recorded{r.OldInputs, r.OldOutputs}})
	return plugin.UpdateResponse{Properties: made}, err
}

// planned returns the state that a preview shows.
func planned(of kind, inputs resource.PropertyMap) resource.PropertyMap {
	if of, ok := of.(planner); ok {
		return of.plan(inputs)
	}
	return inputs
}

func (s *server) set(ctx context.Context, of kind, urn resource.URN, c change) (resource.PropertyMap, error) {
	limit := changeTimeout
	if of, ok := of.(patient); ok {
		limit = of.limit()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	at, err := s.connected(ctx, of.needs(), urn)
	if err != nil {
		return nil, err
	}
	if of.needs().ofKeycloak() {
		s.changing.Lock()
		defer s.changing.Unlock()
	}
	return of.set(ctx, at, c)
}

func (s *server) Read(ctx context.Context, r plugin.ReadRequest) (plugin.ReadResponse, error) {
	of, err := s.kindOf(r.Type)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	at, err := s.connected(ctx, of.needs(), r.URN)
	known := recorded{r.Inputs, r.State}
	found := &known
	if err == nil {
		found, err = of.read(ctx, at, known)
	}
	if err != nil {
		// Also if Keycloak or Redis is down, without which MLflow identifies no user: the update
		// after a refresh restores them.
		s.warn(context.WithoutCancel(ctx), r.URN, fmt.Sprintf("%s: %v", pulumiplugin.NotCompared, err))
		found = &known
	}
	if found == nil {
		return plugin.ReadResponse{}, nil
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: r.ID, Inputs: found.inputs, Outputs: found.state}}, nil
}

func (s *server) Delete(ctx context.Context, r plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	of, err := s.kindOf(r.Type)
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	removes, ok := of.(remover)
	if !ok {
		return plugin.DeleteResponse{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	at, err := s.connected(ctx, of.needs(), r.URN)
	if err == nil {
		err = removes.remove(ctx, at, r.Inputs)
	}
	// An update creates the container before it removes anything, so this stack is being
	// destroyed after an administrator has removed the container.
	if errors.Is(err, engine.ErrNoContainer) {
		s.warn(ctx, r.URN, fmt.Sprintf("not removed from the database behind container %s, which does not exist", at.container))
		err = nil
	}
	return plugin.DeleteResponse{}, err
}
