// Package pulumimock runs a Pulumi program without an engine, a provider or a Docker host, and
// records its resources.
//
// It stands in for the engine: it answers every registration with the inputs and a predictable
// ID, marks as secret what the real provider marks, and can refuse a resource. Assert on the
// recording once Run has returned: code inside ApplyT does not run on unknown values, and its
// errors are lost.
package pulumimock

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ErrInjected is the error of a refused resource. It names the resource and its parent, like the
// engine's own messages.
var ErrInjected = errors.New("injected failure")

// The names of the project and stack: a program must not depend on them.
const (
	projectName = "project"
	stackName   = "stack"
)

// Option changes a run.
type Option func(*monitor)

// Config sets the configuration, with full keys.
func Config(values map[string]string) Option { return func(m *monitor) { m.config = values } }

// Encrypted reports which values of the configuration are encrypted.
func Encrypted(keys ...string) Option { return func(m *monitor) { m.secretKeys = keys } }

// DryRun runs a preview: values that only a provider computes are unknown.
func DryRun() Option { return func(m *monitor) { m.dryRun = true } }

// DryRunOfExisting runs a preview of an existing stack: computed values are known, except for
// those of a new resource.
func DryRunOfExisting() Option { return func(m *monitor) { m.dryRun, m.exists = true, true } }

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

// Compute sets the outputs that a provider adds to the inputs of a type. A preview does not call
// it.
func Compute(token string, outputs func(name string, inputs resource.PropertyMap) resource.PropertyMap) Option {
	return func(m *monitor) { m.compute[token] = outputs }
}

// Run runs the program and returns what it registered, also if it failed. It sets environment
// variables for the duration of the test, so such a test is not parallel.
func Run(t testing.TB, program pulumi.RunFunc, options ...Option) (*Recording, error) {
	t.Helper()
	m := &monitor{
		resources: map[resource.URN]*Resource{}, seen: map[string]int{},
		compute: map[string]func(string, resource.PropertyMap) resource.PropertyMap{},
	}
	for _, option := range options {
		option(m)
	}
	encoded, err := json.Marshal(m.config)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	// The command line's environment variables would affect the run.
	for _, name := range []string{
		pulumi.EnvConfigSecretKeys, pulumi.EnvDryRun, pulumi.EnvMonitor, pulumi.EnvEngine, pulumi.EnvParallel, pulumi.EnvOrganization,
	} {
		t.Setenv(name, "")
	}
	t.Setenv(pulumi.EnvConfig, string(encoded))

	address, stop, err := m.serve()
	if err != nil {
		return nil, err
	}
	err = pulumi.RunErr(program, func(info *pulumi.RunInfo) {
		info.Project, info.Stack, info.MonitorAddr, info.EngineAddr = projectName, stackName, address, address
		info.Config, info.ConfigSecretKeys, info.DryRun = m.config, m.secretKeys, m.dryRun
	})
	if stopped := stop(); stopped != nil {
		return nil, errors.Join(err, stopped)
	}
	r := &Recording{outputs: m.outputs}
	for _, made := range m.resources {
		r.Resources = append(r.Resources, *made)
	}
	slices.SortFunc(r.Resources, func(a, b Resource) int { return strings.Compare(a.Key(), b.Key()) })
	return r, errors.Join(append(m.errs, err)...)
}
