// Package recorder runs a Pulumi program without an engine, a provider or a
// Docker host, and keeps what the program asked for.
//
// It stands in for the engine: it answers every registration with the inputs
// and a predictable ID, marks as secret what the real provider marks, and can
// refuse a resource. Assert on what it recorded once Run has returned: code
// inside ApplyT does not run on unknown values, and its errors get lost.
package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ErrInjected is what a refused resource fails with. The error names the
// resource and its parent, as the engine's own messages do.
var ErrInjected = errors.New("injected failure")

// Option changes a run.
type Option func(*monitor)

// Config sets the configuration, with full keys, and which of them are encrypted.
func Config(values map[string]string, secretKeys ...string) Option {
	return func(m *monitor) { m.config, m.secretKeys = values, secretKeys }
}

// DryRun runs a preview: what only a provider knows is unknown.
func DryRun() Option { return func(m *monitor) { m.dryRun = true } }

// FailResource refuses every resource of a type.
func FailResource(token string) Option { return FailNth(token, 0) }

// FailNth refuses the nth resource of a type, counted from 1 in the order of
// registration; 0 refuses all.
func FailNth(token string, n int) Option {
	return func(m *monitor) {
		m.refuse = append(m.refuse, func(typ, _ string, nth int) bool { return typ == token && (n == 0 || n == nth) })
	}
}

// FailNamed refuses the resource of a type and a name.
func FailNamed(token, name string) Option {
	return func(m *monitor) {
		m.refuse = append(m.refuse, func(typ, got string, _ int) bool { return typ == token && got == name })
	}
}

// Compute sets the outputs that a provider adds to the inputs of a type. It is
// not asked in a preview.
func Compute(token string, outputs func(name string, inputs resource.PropertyMap) resource.PropertyMap) Option {
	return func(m *monitor) { m.compute[token] = outputs }
}

// Run runs the program and returns what it registered, also when it failed. It
// sets environment variables for the time of the test, so such a test is not
// parallel.
func Run(t testing.TB, program pulumi.RunFunc, options ...Option) (*Recording, error) {
	t.Helper()
	m := &monitor{seen: map[string]int{}, urns: map[string]bool{}, compute: map[string]computed{}}
	for _, option := range options {
		option(m)
	}
	encoded, err := json.Marshal(m.config)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	// What the command line leaves in the environment would change the run.
	for _, name := range []string{
		pulumi.EnvConfigSecretKeys, pulumi.EnvDryRun, pulumi.EnvMonitor, pulumi.EnvEngine, pulumi.EnvParallel, pulumi.EnvOrganization,
	} {
		t.Setenv(name, "")
	}
	t.Setenv(pulumi.EnvConfig, string(encoded))

	var outputs resource.PropertyMap
	err = pulumi.RunErr(func(ctx *pulumi.Context) error {
		if err := program(ctx); err != nil {
			return err
		}
		var err error
		outputs, err = exports(t.Context(), ctx.GetCurrentExportMap())
		return err
	}, pulumi.WithMocks("project", "stack", m), func(info *pulumi.RunInfo) {
		info.Config, info.ConfigSecretKeys, info.DryRun = m.config, m.secretKeys, m.dryRun
	})
	m.mutex.Lock()
	defer m.mutex.Unlock()
	slices.SortFunc(m.resources, func(a, b Resource) int { return strings.Compare(a.Key(), b.Key()) })
	return &Recording{Resources: m.resources, outputs: outputs}, errors.Join(append(m.errs, err)...)
}

type computed func(name string, inputs resource.PropertyMap) resource.PropertyMap

// monitor is what the program talks to in place of the engine.
type monitor struct {
	config     map[string]string
	secretKeys []string
	dryRun     bool
	refuse     []func(typ, name string, nth int) bool
	compute    map[string]computed

	mutex     sync.Mutex
	resources []Resource
	seen      map[string]int
	urns      map[string]bool
	errs      []error
}

// Call refuses: a program that asks a provider at run time cannot be previewed
// without one.
func (m *monitor) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, fmt.Errorf("got a call of %s, want none: only registrations are recorded", args.Token)
}

// NewResource records a registration and answers it.
func (m *monitor) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if args.RegisterRPC == nil {
		return "", nil, fmt.Errorf("got a read of %s, want registrations only", args.TypeToken)
	}
	m.seen[args.TypeToken]++
	// The inputs in args have lost what is unknown; those of the request have not.
	inputs, err := plugin.UnmarshalProperties(args.RegisterRPC.GetObject(), plugin.MarshalOptions{
		KeepUnknowns: true, KeepSecrets: true, KeepResources: true,
	})
	if err != nil {
		return "", nil, fmt.Errorf("inputs of %s: %w", args.Name, err)
	}
	made := newResource(args.RegisterRPC, inputs)
	for _, refuse := range m.refuse {
		if refuse(made.Type, made.Name, m.seen[made.Type]) {
			return "", nil, fmt.Errorf("%s under %q: %w", made.Key(), made.Parent, ErrInjected)
		}
	}
	if m.urns[made.Key()] {
		m.errs = append(m.errs, fmt.Errorf("got %s twice, want one resource of a type and name", made.Key()))
	}
	m.urns[made.Key()] = true
	m.resources = append(m.resources, made)
	return m.answer(made)
}

// answer is the ID and the outputs that a provider would give.
func (m *monitor) answer(made Resource) (string, resource.PropertyMap, error) {
	if !made.Custom {
		return "", resource.PropertyMap{}, nil
	}
	outputs, id := made.inputs.Copy(), ""
	if !m.dryRun {
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
