// Package provider is the project's own Pulumi provider: permissions, service accounts and
// grants in MLflow, what Keycloak creates by itself, and the proof that the logins work. The
// tool itself is the plugin's binary, under the name that Pulumi searches for.
//
// What is in MLflow and Keycloak is done by packages accessclient and adminrealm, so creating what exists takes
// it over, and an update that was killed is completed by the next one. Where MLflow or
// Keycloak does not run, a preview and a refresh go on with what the state says: what is in
// their databases outlives their containers.
package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumiprovider "github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/components/permissions"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
)

const (
	// compareTimeout bounds a comparison with what there is, changeTimeout a change.
	compareTimeout = time.Minute
	changeTimeout  = 5 * time.Minute
)

// IsPlugin says whether Pulumi has started this process as its plugin.
func IsPlugin() bool { return filepath.Base(os.Args[0]) == pulumiplugin.Binary }

// Main serves Pulumi until it says to end.
func Main() error {
	return pulumiprovider.Main(pulumiplugin.Name, func(host *pulumiprovider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		say := func(severity diag.Severity) func(context.Context, resource.URN, string) {
			return func(ctx context.Context, urn resource.URN, text string) {
				_ = host.Log(ctx, severity, urn, text) // Pulumi has gone
			}
		}
		proofs := newLoginProofs(os.Getenv(pulumiplugin.DeferVariable) != "")
		proofs.say, proofs.progress = say(diag.Info), func(ctx context.Context, urn resource.URN, text string) {
			_ = host.LogStatus(ctx, diag.Info, urn, text)
		}
		return plugin.NewProviderServer(&server{warn: say(diag.Warning), proofs: proofs}), nil
	})
}

// kind manages the resources of one type. Inputs are those that check has returned.
type kind interface {
	// check completes inputs and names what is wrong with them.
	check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure)
	// identity is the ID; where it differs, the resource is another.
	identity(inputs resource.PropertyMap) string
	// inPlace are the inputs that can be changed in place.
	inPlace() []resource.PropertyKey
	set(ctx context.Context, at target, inputs resource.PropertyMap) (resource.PropertyMap, error)
	// read returns what there is now; nil where there is nothing.
	read(ctx context.Context, at target, inputs resource.PropertyMap) (resource.PropertyMap, error)
	remove(ctx context.Context, at target, inputs resource.PropertyMap) error
	// ofKeycloak says whether Keycloak keeps the resource, and not MLflow.
	ofKeycloak() bool
}

// target is where a provider makes its resources; one of both is nil.
type target struct {
	mlflow   *accessclient.Client
	keycloak *outputs.Keycloak
}

var kinds = map[tokens.Type]kind{
	permissions.AccessAdminType: accessAdmins{}, permissions.ServiceAccountType: accounts{}, permissions.GrantType: grants{},
	identity.AdminRealmType: adminRealm, identity.BuiltinClientType: builtinClients, identity.ClientRolesType: clientRoles, identity.PasswordType: passwords,
}

// server is one instance of the plugin, for one stack.
type server struct {
	plugin.UnimplementedProvider

	warn   func(context.Context, resource.URN, string)
	proofs *loginProofs

	one sync.Mutex
	at  target
	// changing is held while Keycloak is changed: it takes attributes as a whole, so two changes
	// of one client at the same time would lose one of them.
	changing sync.Mutex
}

var _ plugin.Provider = (*server)(nil)

func (s *server) Handshake(context.Context, plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

func (s *server) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	version := semver.MustParse(pulumiplugin.Version)
	return plugin.PluginInfo{Version: &version}, nil
}

// SignalCancellation ends a proof that runs. Changes are not cut off.
func (s *server) SignalCancellation(context.Context) error {
	s.proofs.cancel()
	return nil
}

func (s *server) Close() error { return nil }

// kindOf is the kind of a type.
func kindOf(t tokens.Type) (kind, error) {
	of, ok := kinds[t]
	if !ok {
		return nil, fmt.Errorf("plugin %s: got type %s, want one that it knows: the plugin is of another version than the program; `%s` builds it",
			pulumiplugin.Name, t, pulumiplugin.Command)
	}
	return of, nil
}

func (s *server) Check(ctx context.Context, r plugin.CheckRequest) (plugin.CheckResponse, error) {
	if r.Type == loginproof.TypeToken {
		return s.proofs.check(r), nil
	}
	of, err := kindOf(r.Type)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	if r.News.ContainsUnknowns() {
		return plugin.CheckResponse{Properties: r.News}, nil
	}
	inputs, failures := of.check(r.News)
	if len(failures) == 0 && r.Type == permissions.GrantType && len(r.Olds) == 0 {
		failures = s.mustMatch(ctx, r.URN, inputs)
	}
	return plugin.CheckResponse{Properties: inputs, Failures: failures}, nil
}

func (s *server) Diff(ctx context.Context, r plugin.DiffRequest) (plugin.DiffResponse, error) {
	if r.Type == loginproof.TypeToken {
		return s.proofs.diff(ctx, r), nil
	}
	of, err := kindOf(r.Type)
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	if r.NewInputs.ContainsUnknowns() {
		return compared(r.OldInputs, r.NewInputs, nil), nil
	}
	var replaces func(resource.PropertyKey) bool
	if of.identity(r.OldInputs) != of.identity(r.NewInputs) {
		replaces = func(name resource.PropertyKey) bool {
			for _, inPlace := range of.inPlace() {
				if name == inPlace {
					return false
				}
			}
			return true
		}
	}
	return compared(r.OldInputs, r.NewInputs, replaces), nil
}

func (s *server) Create(ctx context.Context, r plugin.CreateRequest) (plugin.CreateResponse, error) {
	if r.Type == loginproof.TypeToken {
		state, err := s.proofs.set(ctx, r.URN, r.Properties, r.Preview)
		return plugin.CreateResponse{ID: loginProofID, Properties: state}, err
	}
	if r.Preview {
		return plugin.CreateResponse{Properties: r.Properties}, nil
	}
	made, err := s.set(ctx, r.Type, r.Properties)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	return plugin.CreateResponse{ID: resource.ID(kinds[r.Type].identity(r.Properties)), Properties: made}, nil
}

func (s *server) Update(ctx context.Context, r plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	if r.Type == loginproof.TypeToken {
		state, err := s.proofs.set(ctx, r.URN, r.NewInputs, r.Preview)
		return plugin.UpdateResponse{Properties: state}, err
	}
	if r.Preview {
		return plugin.UpdateResponse{Properties: r.NewInputs}, nil
	}
	made, err := s.set(ctx, r.Type, r.NewInputs)
	return plugin.UpdateResponse{Properties: made}, err
}

func (s *server) set(ctx context.Context, t tokens.Type, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	of, err := kindOf(t)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	at, err := s.connected(ctx, of)
	if err != nil {
		return nil, err
	}
	if of.ofKeycloak() {
		s.changing.Lock()
		defer s.changing.Unlock()
	}
	return of.set(ctx, at, inputs)
}

func (s *server) Read(ctx context.Context, r plugin.ReadRequest) (plugin.ReadResponse, error) {
	if r.Type == loginproof.TypeToken { // there is nothing to compare a proof with
		return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: r.ID, Inputs: r.Inputs, Outputs: r.State}}, nil
	}
	of, err := kindOf(r.Type)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	at, err := s.connected(ctx, of)
	var found resource.PropertyMap
	if err == nil {
		found, err = of.read(ctx, at, r.Inputs)
	}
	if err != nil {
		// Also where Keycloak or Redis is down, without which MLflow knows nobody: the
		// update behind a refresh is what brings them back.
		s.warn(context.WithoutCancel(ctx), r.URN, fmt.Sprintf("not compared with what there is: %v", err))
		return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: r.ID, Inputs: r.Inputs, Outputs: r.State}}, nil
	}
	if found == nil {
		return plugin.ReadResponse{}, nil
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: r.ID, Inputs: found, Outputs: found}}, nil
}

func (s *server) Delete(ctx context.Context, r plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	if r.Type == loginproof.TypeToken {
		return plugin.DeleteResponse{}, nil
	}
	of, err := kindOf(r.Type)
	if err != nil || of.ofKeycloak() {
		return plugin.DeleteResponse{}, err // see keycloakKind
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	at, err := s.connected(ctx, of)
	if err == nil {
		err = of.remove(ctx, at, r.Inputs)
	}
	// An update makes the container before it removes anything, so this is a stack that
	// is torn down after an administrator has removed the container.
	if errors.Is(err, engine.ErrNoContainer) {
		s.warn(ctx, r.URN, fmt.Sprintf("not removed from MLflow's database, since MLflow's container %s is not there", at.mlflow.Container))
		err = nil
	}
	return plugin.DeleteResponse{}, err
}
