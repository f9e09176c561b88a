package pulumimock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// keep are marshalling options that preserve everything about values.
var keep = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true}

// monitor stands in for the engine's resource monitor. It does not use the SDK's own mocks: those
// cannot represent an unknown secret, so a preview fails with them, and they drop the outputs.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer

	config     map[string]string
	secretKeys []string
	dryRun     bool
	exists     bool
	refuse     []func(typ, name string, nth int) bool
	compute    map[string]func(name string, inputs resource.PropertyMap) resource.PropertyMap

	mutex     sync.Mutex
	resources map[resource.URN]*Resource
	outputs   resource.PropertyMap
	seen      map[string]int
	errs      []error
}

// engine is the engine's other service, of which a program needs the log and the stack's name.
type engine struct {
	pulumirpc.UnimplementedEngineServer

	mutex sync.Mutex
	root  string
}

// serve listens on a Unix socket, without a network. The returned function stops it.
func (m *monitor) serve() (address string, stop func() error, err error) {
	// Not the test's own folder, whose path may exceed the maximum length of a socket's.
	folder, err := os.MkdirTemp("", "recorder")
	if err != nil {
		return "", nil, fmt.Errorf("folder of the socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", filepath.Join(folder, "s"))
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("socket: %w", err), os.RemoveAll(folder))
	}
	server := grpc.NewServer()
	pulumirpc.RegisterResourceMonitorServer(server, m)
	pulumirpc.RegisterEngineServer(server, &engine{})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return "unix://" + listener.Addr().String(), func() error {
		server.Stop()
		return errors.Join(<-ended, os.RemoveAll(folder))
	}, nil
}

func (m *monitor) GetDeploymentInfo(context.Context, *emptypb.Empty) (*pulumirpc.DeploymentInfo, error) {
	return &pulumirpc.DeploymentInfo{SupportedFeatures: []pulumirpc.ResourceMonitorFeature{
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_SECRETS,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_DELETED_WITH,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_TRANSFORMS,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
	}}, nil
}

// RegisterResource records a registration and responds like a provider.
func (m *monitor) RegisterResource(_ context.Context, request *pulumirpc.RegisterResourceRequest) (*pulumirpc.RegisterResourceResponse, error) {
	urn := newURN(request)
	if request.GetType() == string(resource.RootStackType) {
		return &pulumirpc.RegisterResourceResponse{Urn: string(urn)}, nil
	}
	inputs, err := plugin.UnmarshalProperties(request.GetObject(), keep)
	if err != nil {
		return nil, fmt.Errorf("inputs of %s: %w", request.GetName(), err)
	}
	made := newResource(request, inputs)
	id, outputs, err := m.record(urn, made)
	if err != nil {
		return nil, err
	}
	state, err := plugin.MarshalProperties(outputs, keep)
	if err != nil {
		return nil, fmt.Errorf("outputs of %s: %w", made.Key(), err)
	}
	return &pulumirpc.RegisterResourceResponse{Urn: string(urn), Id: id, Object: state}, nil
}

func (m *monitor) record(urn resource.URN, made *Resource) (string, resource.PropertyMap, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.seen[made.Type]++
	for _, refuse := range m.refuse {
		if refuse(made.Type, made.Name, m.seen[made.Type]) {
			return "", nil, fmt.Errorf("%s under %q: %w", made.Key(), made.Parent, ErrInjected)
		}
	}
	for _, other := range m.resources {
		if other.Key() == made.Key() {
			m.errs = append(m.errs, fmt.Errorf("got %s twice, want one resource of a type and name", made.Key()))
		}
	}
	m.resources[urn] = made
	if !made.Custom {
		return "", resource.PropertyMap{}, nil
	}
	outputs, id := made.inputs.Copy(), ""
	if !m.dryRun || m.exists {
		id = made.Name + "-id"
		if compute := m.compute[made.Type]; compute != nil {
			for key, value := range compute(made.Name, made.inputs) {
				outputs[key] = value
			}
		}
	}
	for _, key := range made.SecretOutputs {
		if value, set := outputs[resource.PropertyKey(key)]; set && !value.IsSecret() {
			outputs[resource.PropertyKey(key)] = resource.MakeSecret(value)
		}
	}
	return id, outputs, nil
}

// RegisterResourceOutputs records the outputs of a component or of the stack.
func (m *monitor) RegisterResourceOutputs(_ context.Context, request *pulumirpc.RegisterResourceOutputsRequest) (*emptypb.Empty, error) {
	outputs, err := plugin.UnmarshalProperties(request.GetOutputs(), keep)
	if err != nil {
		return nil, fmt.Errorf("outputs of %s: %w", request.GetUrn(), err)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	urn := resource.URN(request.GetUrn())
	if urn.Type() == resource.RootStackType {
		m.outputs = outputs
		return &emptypb.Empty{}, nil
	}
	made := m.resources[urn]
	if made == nil {
		return nil, fmt.Errorf("got outputs of %s, want it registered first", urn)
	}
	made.outputs = outputs
	if len(outputs) > 0 {
		made.Outputs = readableMap(outputs)
	}
	return &emptypb.Empty{}, nil
}

// Invoke refuses: a program that calls a provider function cannot be previewed without one.
func (m *monitor) Invoke(_ context.Context, request *pulumirpc.ResourceInvokeRequest) (*pulumirpc.ResourceInvokeResponse, error) {
	return nil, fmt.Errorf("got a call of %s, want none: only registrations are recorded", request.GetTok())
}

func (m *monitor) SignalAndWaitForShutdown(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (e *engine) Log(context.Context, *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (e *engine) SetRootResource(_ context.Context, request *pulumirpc.SetRootResourceRequest) (*pulumirpc.SetRootResourceResponse, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.root = request.GetUrn()
	return &pulumirpc.SetRootResourceResponse{}, nil
}

func (e *engine) GetRootResource(context.Context, *pulumirpc.GetRootResourceRequest) (*pulumirpc.GetRootResourceResponse, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return &pulumirpc.GetRootResourceResponse{Urn: e.root}, nil
}

func newURN(request *pulumirpc.RegisterResourceRequest) resource.URN {
	parent := tokens.Type("")
	if urn := resource.URN(request.GetParent()); urn != "" && urn.QualifiedType() != resource.RootStackType {
		parent = urn.QualifiedType()
	}
	return resource.NewURN(stackName, projectName, parent, tokens.Type(request.GetType()), request.GetName())
}
