// Package network creates the two private networks of a stack.
//
// The edge network is a bridge: the services that a browser reaches are on it, and the
// host publishes their ports through it. With an edge, the network has a configured subnet
// and an address in it that is reserved for the edge, so that a service knows which proxy
// to trust. The data network is internal: it has no way out and no published port, and
// only the services that need the databases are on it. If databases and cache are
// external, it does not exist: traffic to an external service leaves through the edge
// network.
package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
	"github.com/mlflow-sso/mlflow-sso/components/leftovers"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:network:Network"

// Args are the arguments of the networks.
type Args struct {
	// Deployment is the prefix of the networks' names.
	Deployment string
	// Subnet is the edge network's if there is an edge; the zero value leaves the choice to
	// Docker.
	Subnet netip.Prefix
	// Data says whether there is a data network.
	Data bool
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Deployment != "", `Deployment is "", want a name`)
	m.Require(!a.Subnet.IsValid() || CheckSubnet(a.Subnet) == nil, "Subnet is %s, want another: %v", a.Subnet, CheckSubnet(a.Subnet))
	return m.Err()
}

// CheckSubnet validates a subnet for the edge network. It must be private, since Keycloak accepts
// plain http from private addresses only.
func CheckSubnet(subnet netip.Prefix) error {
	switch {
	case !subnet.IsValid() || !subnet.Addr().Is4() || !subnet.Addr().IsPrivate():
		return errors.New("want a private IPv4 subnet, within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
	case subnet != subnet.Masked():
		return fmt.Errorf("want %s: an address is not a subnet", subnet.Masked())
	case subnet.Bits() < 16 || subnet.Bits() > 28:
		return fmt.Errorf("got %d bits, want 16 to 28", subnet.Bits())
	}
	return nil
}

// EdgeAddress returns the address that is reserved for the edge: the last one of the subnet,
// since Docker assigns them from the first.
func EdgeAddress(subnet netip.Prefix) netip.Addr {
	bytes := subnet.Masked().Addr().As4()
	last := binary.BigEndian.Uint32(bytes[:]) + 1<<(32-subnet.Bits()) - 2
	binary.BigEndian.PutUint32(bytes[:], last)
	return netip.AddrFrom4(bytes)
}

// Network is the pair of networks.
type Network struct {
	pulumi.ResourceState

	// Edge is the name of the network with the services that browsers reach.
	Edge pulumi.StringOutput
	// Data is the name of the network of the databases; nil if it does not exist.
	Data pulumi.StringInput
	// EdgeAddress is the address of the edge on the edge network, the only proxy that the
	// services trust; the zero value without an edge.
	EdgeAddress netip.Addr
}

// New creates the networks. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Network, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	n := &Network{}
	if err := ctx.RegisterComponentResource(TypeToken, name, n, opts...); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	if args.Subnet.IsValid() {
		n.EdgeAddress = EdgeAddress(args.Subnet)
	}
	edge, err := n.network(ctx, name, "edge", args.Deployment, args.Subnet)
	if err != nil {
		return nil, err
	}
	n.Edge = edge.Name
	outputs := pulumi.Map{"edge": n.Edge}
	if args.Data {
		data, err := n.network(ctx, name, "data", args.Deployment, netip.Prefix{})
		if err != nil {
			return nil, err
		}
		n.Data, outputs["data"] = data.Name, data.Name
	}
	if err := ctx.RegisterResourceOutputs(n, outputs); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	return n, nil
}

func (n *Network) network(ctx *pulumi.Context, name, role, deployment string, subnet netip.Prefix) (*docker.Network, error) {
	labels := docker.NetworkLabelArray{}
	for _, l := range container.Labels(deployment, "network") {
		labels = append(labels, docker.NetworkLabelArgs{Label: pulumi.String(l.Key), Value: pulumi.String(l.Value)})
	}
	args := &docker.NetworkArgs{
		Name:     pulumi.String(naming.Network(deployment, role)),
		Driver:   pulumi.String("bridge"),
		Internal: pulumi.Bool(role == "data"),
		Labels:   labels,
	}
	if subnet.IsValid() {
		args.IpamConfigs = docker.NetworkIpamConfigArray{docker.NetworkIpamConfigArgs{
			Subnet: pulumi.String(subnet.String()), Gateway: pulumi.String(subnet.Addr().Next().String()),
		}}
	}
	hooks, err := leftovers.BeforeNetwork(ctx, deployment, naming.Network(deployment, role))
	if err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	// The name is fixed, so a new network cannot exist next to the old one.
	made, err := docker.NewNetwork(ctx, name+"-"+role, args, childopts.Options(n, append(hooks, pulumi.DeleteBeforeReplace(true))...)...)
	if err != nil {
		return nil, fmt.Errorf("network %q: %s: %w", name, role, err)
	}
	return made, nil
}
