// Package accessprovider is the Pulumi plugin for access administration, service accounts
// and grants in MLflow. The tool itself is the plugin's binary, under the name that Pulumi
// looks for.
//
// Package accessclient does the work. Creating what exists already adopts it, and the next
// run completes one that was killed. While MLflow does not run, a preview and a refresh
// continue with the recorded state: MLflow's database outlives its container.
package accessprovider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/mlflow-sso/mlflow-sso/components/permissions"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
)

// binary is the name of the plugin's file.
const binary = "pulumi-resource-" + permissions.PluginName

// IsPlugin says whether Pulumi has started this process as its plugin.
func IsPlugin() bool { return filepath.Base(os.Args[0]) == binary }

// Main serves Pulumi until it says to end.
func Main() error {
	return provider.Main(permissions.PluginName, func(host *provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		return plugin.NewProviderServer(&server{warn: func(ctx context.Context, urn resource.URN, text string) {
			_ = host.Log(ctx, diag.Warning, urn, text) // nothing is left to report to
		}}), nil
	})
}

// kind manages the resources of one type. Inputs are those that check has returned.
type kind interface {
	// check completes inputs and names what is wrong with them.
	check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure)
	// identity is the ID; where it differs, the resource is another.
	identity(inputs resource.PropertyMap) string
	// mutable are the inputs that can be changed in place.
	mutable() []resource.PropertyKey
	set(ctx context.Context, s *accessclient.Client, inputs resource.PropertyMap) (resource.PropertyMap, error)
	// read gives what there is now; nil where there is nothing.
	read(ctx context.Context, s *accessclient.Client, inputs resource.PropertyMap) (resource.PropertyMap, error)
	remove(ctx context.Context, s *accessclient.Client, inputs resource.PropertyMap) error
}

var kinds = map[tokens.Type]kind{permissions.AccessAdminType: accessAdmins{}, permissions.ServiceAccountType: accounts{}, permissions.GrantType: grants{}}

// server is one instance of the plugin, for one stack.
type server struct {
	plugin.UnimplementedProvider

	warn func(context.Context, resource.URN, string)

	one   sync.Mutex
	admin *accessclient.Client
}

var _ plugin.Provider = (*server)(nil)

func (s *server) Handshake(context.Context, plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

func (s *server) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	version := semver.MustParse(permissions.PluginVersion)
	return plugin.PluginInfo{Version: &version}, nil
}

func (s *server) GetSchema(context.Context, plugin.GetSchemaRequest) (plugin.GetSchemaResponse, error) {
	// The program names types and properties by itself, so a name is enough.
	return plugin.GetSchemaResponse{Schema: []byte(fmt.Sprintf(`{"name":%q,"version":%q}`, permissions.PluginName, permissions.PluginVersion))}, nil
}

func (s *server) SignalCancellation(context.Context) error { return nil }

func (s *server) Close() error { return nil }

func (s *server) CheckConfig(_ context.Context, r plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	var failures []plugin.CheckFailure
	for _, name := range []resource.PropertyKey{"container", "clientId", "clientSecret"} {
		if value := plain(r.News[name]); !value.IsString() && !value.ContainsUnknowns() {
			failures = append(failures, plugin.CheckFailure{Property: name, Reason: "is missing, want a text"})
		}
	}
	return plugin.CheckConfigResponse{Properties: r.News, Failures: failures}, nil
}

// DiffConfig never replaces what is made with the provider: it is the same MLflow.
func (s *server) DiffConfig(_ context.Context, r plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	return compared(r.OldInputs, r.NewInputs, nil), nil
}

func (s *server) Configure(_ context.Context, r plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	if r.Inputs.ContainsUnknowns() {
		return plugin.ConfigureResponse{}, nil // the first preview of all
	}
	s.one.Lock()
	defer s.one.Unlock()
	s.admin = &accessclient.Client{
		Container: text(r.Inputs, "container"), Client: text(r.Inputs, "clientId"), Secret: text(r.Inputs, "clientSecret"),
	}
	return plugin.ConfigureResponse{}, nil
}

// connected is the access admin, as soon as the Docker host answers.
func (s *server) connected(ctx context.Context) (*accessclient.Client, error) {
	s.one.Lock()
	defer s.one.Unlock()
	if s.admin == nil {
		return nil, errors.New("plugin mlflow-sso: got no container and client, want those of the stack; this is a mistake in the program")
	}
	if s.admin.Docker == nil {
		docker, err := engine.Open(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", accessclient.ErrAbsent, err)
		}
		s.admin.Docker = docker
	}
	return s.admin, nil
}

func (s *server) Check(ctx context.Context, r plugin.CheckRequest) (plugin.CheckResponse, error) {
	of, ok := kinds[r.Type]
	if !ok {
		return plugin.CheckResponse{}, fmt.Errorf("plugin mlflow-sso: got type %s, want one that it knows", r.Type)
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

func (s *server) Diff(_ context.Context, r plugin.DiffRequest) (plugin.DiffResponse, error) {
	of := kinds[r.Type]
	if r.NewInputs.ContainsUnknowns() {
		return compared(r.OldInputs, r.NewInputs, nil), nil
	}
	var replaces func(resource.PropertyKey) bool
	if of.identity(r.OldInputs) != of.identity(r.NewInputs) {
		replaces = func(name resource.PropertyKey) bool {
			for _, inPlace := range of.mutable() {
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
	if r.Preview {
		return plugin.UpdateResponse{Properties: r.NewInputs}, nil
	}
	made, err := s.set(ctx, r.Type, r.NewInputs)
	return plugin.UpdateResponse{Properties: made}, err
}

func (s *server) set(ctx context.Context, of tokens.Type, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	at, err := s.connected(ctx)
	if err != nil {
		return nil, err
	}
	return kinds[of].set(ctx, at, inputs)
}

func (s *server) Read(ctx context.Context, r plugin.ReadRequest) (plugin.ReadResponse, error) {
	at, err := s.connected(ctx)
	var found resource.PropertyMap
	if err == nil {
		found, err = kinds[r.Type].read(ctx, at, r.Inputs)
	}
	if err != nil {
		// Also where Keycloak or Redis is down, without which MLflow knows nobody: the
		// update behind a refresh is what brings them back.
		s.warn(ctx, r.URN, fmt.Sprintf("not compared with MLflow: %v", err))
		return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: r.ID, Inputs: r.Inputs, Outputs: r.State}}, nil
	}
	if found == nil {
		return plugin.ReadResponse{}, nil
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: r.ID, Inputs: found, Outputs: found}}, nil
}

func (s *server) Delete(ctx context.Context, r plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	at, err := s.connected(ctx)
	if err == nil {
		err = kinds[r.Type].remove(ctx, at, r.Inputs)
	}
	// An update makes the container before it removes anything, so this is a stack that
	// is torn down after its container was removed.
	if errors.Is(err, engine.ErrNoContainer) {
		s.warn(ctx, r.URN, fmt.Sprintf("not removed from MLflow's database, since MLflow's container %s is not there", at.Container))
		err = nil
	}
	return plugin.DeleteResponse{}, err
}
