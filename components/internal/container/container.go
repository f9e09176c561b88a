// Package container creates all containers and volumes with the same hardening.
//
// Every container has a health check and is ready only when it passes, a memory limit without
// swap, a limit on processes, bounded logs, no capabilities, no privilege escalation, time for a
// graceful stop, and labels with its owner. Only the requested ports are published, by default on
// 127.0.0.1.
package container

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/leftovers"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// Args are a container's configuration. Plain values determine the resources; inputs only flow
// through.
type Args struct {
	// Deployment is the prefix of the container's name.
	Deployment string
	// Component is the rest of its name and its network alias.
	Component string
	// Image is an image ID or a reference with a digest.
	Image pulumi.StringInput
	// Command are the arguments of the image's entrypoint.
	Command []string
	// Env is the environment.
	Env map[string]pulumi.StringInput
	// Networks are the names of the networks to join.
	Networks []pulumi.StringInput
	// Address is a fixed address on the first network; the zero value lets Docker choose.
	Address netip.Addr
	// Volumes maps a path in the container to the name of a volume.
	Volumes map[string]pulumi.StringInput
	// ReadOnly are those of these paths that are mounted read-only.
	ReadOnly []string
	// Publish are the published ports.
	Publish []Port
	// MemoryMB is the memory limit in MiB, without additional swap.
	MemoryMB int
	// Tmpfs maps paths of temporary file systems to mount options.
	Tmpfs map[string]string
	// Restart is Docker's restart policy.
	Restart string
	// StartSeconds is the time limit for the first successful health check.
	StartSeconds int
	// StopSeconds is the grace period before the container is killed.
	StopSeconds int
}

// Name returns the container's name.
func (a *Args) Name() string { return naming.Container(a.Deployment, a.Component) }

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Deployment != "", `Deployment is "", want a name`)
	m.Require(a.Component != "", `Component is "", want a name`)
	m.Require(a.Image != nil, "Image is missing, want an image")
	m.Require(len(a.Networks) > 0, "Networks is empty, want at least one: the default bridge is shared with unrelated containers")
	m.Require(a.MemoryMB > 0, "MemoryMB is %d, want more than 0", a.MemoryMB)
	m.Require(a.Restart != "", `Restart is "", want a restart policy`)
	m.Require(a.StartSeconds > 0, "StartSeconds is %d, want more than 0", a.StartSeconds)
	m.Require(a.StopSeconds > 0, "StopSeconds is %d, want more than 0: 0 kills immediately", a.StopSeconds)
	return m.Err()
}

// Port maps a port of the host to one of the container.
type Port struct {
	// Address is the host's address; the zero value is 127.0.0.1.
	Address netip.Addr
	// Host and Container are the two ports.
	Host, Container int
}

// Label is a Docker label.
type Label struct{ Key, Value string }

// Labels returns the labels of a deployment's container, network or volume.
func Labels(deployment, component string) []Label {
	return []Label{{naming.Component, component}, {naming.Deployment, deployment}}
}

// loopback is the host's address that is unreachable from other machines.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// maxProcesses limits the processes and threads of a container's user, far above what a service
// needs. The provider does not support Docker's own limit, so it is the kernel's limit per user:
// two stacks on one host share it.
const maxProcesses = 4096

// New creates a container under parent and waits until it is healthy. Any change replaces the
// container: Docker changes hardly anything in place, and its provider would silently skip the
// rest.
func New(ctx *pulumi.Context, name string, args *Args, parent pulumi.Resource, opts ...pulumi.ResourceOption) (*docker.Container, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("container %q: %w", name, err)
	}
	hooks, err := leftovers.BeforeContainer(ctx, args.Deployment, args.Name())
	if err != nil {
		return nil, err
	}
	opts = append(append(opts, hooks...),
		pulumi.DeleteBeforeReplace(true), // name and ports must be free first
		// "#initerror": recreate a container that never became healthy.
		pulumi.ReplaceOnChanges([]string{"healthcheck", "tmpfs", "init", "#initerror"}),
	)
	made, err := docker.NewContainer(ctx, name, args.spec(), childopts.Options(parent, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("container %q: %w", name, err)
	}
	return made, nil
}

// After makes a container wait for its connections. An external service has nothing to wait for,
// and is nil.
func After(ready ...pulumi.Resource) pulumi.ResourceOption {
	return pulumi.DependsOn(slices.DeleteFunc(ready, func(r pulumi.Resource) bool { return r == nil }))
}

func (a *Args) spec() *docker.ContainerArgs {
	start := time.Duration(a.StartSeconds) * time.Second
	return &docker.ContainerArgs{
		Name:     pulumi.String(a.Name()),
		Hostname: pulumi.String(a.Component),
		Image:    a.Image,
		Command:  pulumi.ToStringArray(a.Command),
		Envs:     a.envs(),
		Labels:   a.labels(),
		Init:     pulumi.Bool(true), // reaps orphaned processes of health checks and workers
		Restart:  pulumi.String(a.Restart),

		NetworksAdvanced: a.networks(),
		Ports:            a.ports(),
		Mounts:           a.mounts(),

		Wait:                pulumi.Bool(true),
		WaitTimeout:         pulumi.Int(a.StartSeconds),
		StopTimeout:         pulumi.Int(a.StopSeconds),
		DestroyGraceSeconds: pulumi.Int(a.StopSeconds),
		Healthcheck: &docker.ContainerHealthcheckArgs{
			Tests:    pulumi.ToStringArray([]string{"CMD", "healthcheck"}),
			Interval: pulumi.String("2s"),
			Timeout:  pulumi.String("15s"), // images delay the next check after a successful one
			Retries:  pulumi.Int(5),
			// A failed check within the start period does not count; the first successful one ends the
			// period. The provider compares durations as text, in Go's format.
			StartPeriod: pulumi.String(start.String()),
		},

		Memory:     pulumi.Int(a.MemoryMB),
		MemorySwap: pulumi.Int(a.MemoryMB),
		Ulimits: docker.ContainerUlimitArray{docker.ContainerUlimitArgs{
			Name: pulumi.String("nproc"), Soft: pulumi.Int(maxProcesses), Hard: pulumi.Int(maxProcesses),
		}},
		ReadOnly:     pulumi.Bool(true),
		Tmpfs:        pulumi.ToStringMap(a.Tmpfs),
		Capabilities: &docker.ContainerCapabilitiesArgs{Drops: pulumi.ToStringArray([]string{"ALL"})},
		SecurityOpts: pulumi.ToStringArray([]string{"no-new-privileges:true"}),
		LogDriver:    pulumi.String("json-file"),
		LogOpts:      pulumi.ToStringMap(map[string]string{"max-size": "10m", "max-file": "3"}),
	}
}

// envs returns the environment in a fixed order, so that two runs create the same graph.
func (a *Args) envs() pulumi.StringArray {
	var envs pulumi.StringArray
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		envs = append(envs, pulumi.Sprintf("%s=%s", name, a.Env[name]))
	}
	return envs
}

func (a *Args) labels() docker.ContainerLabelArray {
	var labels docker.ContainerLabelArray
	for _, l := range Labels(a.Deployment, a.Component) {
		labels = append(labels, docker.ContainerLabelArgs{Label: pulumi.String(l.Key), Value: pulumi.String(l.Value)})
	}
	return labels
}

func (a *Args) networks() docker.ContainerNetworksAdvancedArray {
	var networks docker.ContainerNetworksAdvancedArray
	for i, network := range a.Networks {
		joined := docker.ContainerNetworksAdvancedArgs{
			Name: network, Aliases: pulumi.ToStringArray([]string{a.Component}),
		}
		if i == 0 && a.Address.IsValid() {
			joined.Ipv4Address = pulumi.String(a.Address.String())
		}
		networks = append(networks, joined)
	}
	return networks
}

func (a *Args) ports() docker.ContainerPortArray {
	var ports docker.ContainerPortArray
	// In Docker's order, or a refresh would show a spurious difference.
	for _, port := range slices.SortedFunc(slices.Values(a.Publish), func(x, y Port) int { return x.Container - y.Container }) {
		address := port.Address
		if !address.IsValid() {
			address = loopback
		}
		ports = append(ports, docker.ContainerPortArgs{
			Ip: pulumi.String(address.String()), External: pulumi.Int(port.Host),
			Internal: pulumi.Int(port.Container), Protocol: pulumi.String("tcp"),
		})
	}
	return ports
}

func (a *Args) mounts() docker.ContainerMountArray {
	var mounts docker.ContainerMountArray
	for _, target := range slices.Sorted(maps.Keys(a.Volumes)) {
		mounts = append(mounts, docker.ContainerMountArgs{
			Type: pulumi.String("volume"), Source: a.Volumes[target], Target: pulumi.String(target),
			ReadOnly: a.readOnly(target),
		})
	}
	return mounts
}

// readOnly returns nil for a writable volume, as the provider does.
func (a *Args) readOnly(target string) pulumi.BoolPtrInput {
	if !slices.Contains(a.ReadOnly, target) {
		return nil
	}
	return pulumi.Bool(true)
}
