// Package container creates all containers and volumes, hardened in one way.
//
// Every container has a health check and is ready only when it passes, a memory
// limit without swap, a limit of processes, bounded logs, no capabilities, no way
// to new privileges, time to stop in peace, and labels that say whose it is. Only
// the ports that are asked for are published, and where the caller names no other
// address, on 127.0.0.1.
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

// Args say what a container runs and what it may use. Plain values decide the
// shape; inputs only flow through.
type Args struct {
	// Deployment is the prefix of the container's name.
	Deployment string
	// Component is the rest of its name and its alias on every network.
	Component string
	// Image is an image ID or a reference with a digest.
	Image pulumi.StringInput
	// Command are the arguments of the image's entrypoint.
	Command []string
	// Env is the environment.
	Env map[string]pulumi.StringInput
	// Networks are the names of the networks to join.
	Networks []pulumi.StringInput
	// Address is a fixed one on the first network; the zero value takes any.
	Address netip.Addr
	// Volumes maps a path in the container to the name of a volume.
	Volumes map[string]pulumi.StringInput
	// ReadOnly are those of these paths that the container cannot change.
	ReadOnly []string
	// Publish are the ports that are reached from outside of the networks.
	Publish []Port
	// MemoryMB is the memory limit in MiB. There is no swap beyond it.
	MemoryMB int
	// Tmpfs are the paths that are writable and forgotten, with mount options.
	Tmpfs map[string]string
	// Restart is Docker's restart policy.
	Restart string
	// StartSeconds is how long the first healthy answer may take.
	StartSeconds int
	// StopSeconds is how long the container may take to stop before it is killed.
	StopSeconds int
}

// Name is the container's.
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
	m.Require(a.StopSeconds > 0, "StopSeconds is %d, want more than 0: 0 kills at once", a.StopSeconds)
	return m.Err()
}

// Port is a port of the host that leads to one of the container.
type Port struct {
	// Address is the host's own; the zero value is 127.0.0.1.
	Address netip.Addr
	// Host and Container are the two ports.
	Host, Container int
}

// Label is a Docker label.
type Label struct{ Key, Value string }

// Labels say whose a container, network or volume is.
func Labels(deployment, component string) []Label {
	return []Label{{naming.Component, component}, {naming.Deployment, deployment}}
}

// loopback is the address of the host that no other machine reaches.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// maxProcesses bounds the processes and threads of a container's user, far above
// what a service needs. Docker's own limit of processes is out of the provider's
// reach, so it is the kernel's for a user: two stacks on one host share it.
const maxProcesses = 4096

// New makes a container under parent and waits until it is healthy. The
// container is stopped and made again when anything about it changes: Docker
// applies hardly any change in place, and its provider would skip the rest in
// silence.
func New(ctx *pulumi.Context, name string, args *Args, parent pulumi.Resource, opts ...pulumi.ResourceOption) (*docker.Container, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("container %q: %w", name, err)
	}
	hooks, err := leftovers.BeforeContainer(ctx, args.Deployment, args.Name())
	if err != nil {
		return nil, err
	}
	opts = append(append(opts, hooks...),
		pulumi.DeleteBeforeReplace(true), // name and ports can be had only once
		// "#initerror": a container that never got healthy is made again, not waited for in vain.
		pulumi.ReplaceOnChanges([]string{"healthcheck", "tmpfs", "init", "#initerror"}),
	)
	made, err := docker.NewContainer(ctx, name, args.spec(), childopts.Options(parent, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("container %q: %w", name, err)
	}
	return made, nil
}

// After makes a container wait for what its connections need. One to a service
// that is not the stack's has nothing to wait for, and is nil.
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
		Init:     pulumi.Bool(true), // reaps what health checks and workers leave behind
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
			Timeout:  pulumi.String("15s"), // images wait a while before they look again at what was healthy
			Retries:  pulumi.Int(5),
			// Within the start period a failed check counts for nothing; the first passed one ends it.
			// The provider compares durations as texts, in the form that Go prints.
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

// envs are the environment in a fixed order, so that two runs make one graph.
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
	// In the order in which Docker reports them, or a refresh shows a difference that is none.
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

// readOnly is nothing at all where a volume may be changed, as the provider writes it.
func (a *Args) readOnly(target string) pulumi.BoolPtrInput {
	if !slices.Contains(a.ReadOnly, target) {
		return nil
	}
	return pulumi.Bool(true)
}
