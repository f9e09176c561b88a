// Package network makes the two private networks of a stack.
//
// The edge network is a bridge: the services that a browser reaches are on it,
// and the host publishes their ports through it. The data network is internal:
// it has no way out and no published port, and only the services that need the
// databases are on it.
package network

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/child"
	"github.com/mlflow-sso/mlflow-sso/components/internal/container"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:network:Network"

// Args say whose networks they are.
type Args struct {
	// Deployment is the prefix of the networks' names.
	Deployment string
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("args: got none, want Args")
	}
	if a.Deployment == "" {
		return errors.New(`args: Deployment is "", want a name`)
	}
	return nil
}

// Network is the pair of networks.
type Network struct {
	pulumi.ResourceState

	// Edge is the name of the network of what a browser reaches.
	Edge pulumi.StringOutput
	// Data is the name of the network of the databases.
	Data pulumi.StringOutput
}

// New makes the networks. With an error from args nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Network, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	n := &Network{}
	if err := ctx.RegisterComponentResource(TypeToken, name, n, opts...); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	edge, err := n.network(ctx, name, "edge", args.Deployment, false)
	if err != nil {
		return nil, err
	}
	data, err := n.network(ctx, name, "data", args.Deployment, true)
	if err != nil {
		return nil, err
	}
	n.Edge, n.Data = edge.Name, data.Name
	if err := ctx.RegisterResourceOutputs(n, pulumi.Map{"edge": n.Edge, "data": n.Data}); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	return n, nil
}

func (n *Network) network(ctx *pulumi.Context, name, role, deployment string, internal bool) (*docker.Network, error) {
	labels := docker.NetworkLabelArray{}
	for _, l := range container.Labels(deployment, "network") {
		labels = append(labels, docker.NetworkLabelArgs{Label: pulumi.String(l.Key), Value: pulumi.String(l.Value)})
	}
	made, err := docker.NewNetwork(ctx, name+"-"+role, &docker.NetworkArgs{
		Name:     pulumi.String(deployment + "-" + role),
		Driver:   pulumi.String("bridge"),
		Internal: pulumi.Bool(internal),
		Labels:   labels,
		// The name is fixed, so a new network cannot stand beside the old one.
	}, child.Options(n, pulumi.DeleteBeforeReplace(true))...)
	if err != nil {
		return nil, fmt.Errorf("network %q: %s: %w", name, role, err)
	}
	return made, nil
}
