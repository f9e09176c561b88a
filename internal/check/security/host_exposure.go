package security

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// surroundings are attacks on the host and the containers.
func (c *suite) surroundings() []attack {
	return []attack{
		{
			name: "open-ports", tries: "every port that a container on the stack's networks publishes, the stack's own or another's, is tried on this host's other addresses",
			control: "on 127.0.0.1, or where the edge listens, it answers", defence: "everything but the edge is published on 127.0.0.1; databases publish nothing",
			next: "`docker ps` shows who publishes it; stop what publishes the port", run: c.openPorts,
		},
		{
			name: "secrets-in-labels", tries: "a search for the stack's secrets in labels, commands, health checks and names of containers, networks and volumes",
			control: "a word in a label is found, and so are the secrets in the environments that need them", defence: "secrets are in environments only",
			next: "find out who set that label; change the secret (credentials.generations)", run: c.secretsInLabels,
		},
		{
			name: "secrets-in-logs", tries: "a search for the stack's secrets in the logs of all containers on its networks",
			control: "a request that was just sent is found in MLflow's log", defence: "no service logs credentials",
			next: "check who wrote it; change the secret (credentials.generations)", run: c.secretsInLogs,
		},
		{
			name: "secrets-in-state", tries: "a search for the stack's secrets in the files of the Pulumi state",
			control: "the deployment's name is found there", defence: "the state is encrypted with the passphrase",
			next: "check the files that are named; change the secret (credentials.generations)", run: c.secretsInState,
		},
		{
			name: "secrets-in-images", tries: "a search for the stack's secrets in the history and in every layer of its images",
			control: "a file that every image has is found", defence: "images are built without secrets",
			next: "check the image's Dockerfile; change the secret (credentials.generations)", run: c.secretsInImages,
		},
	}
}

// neighboursOf returns all containers on the stack's networks, including unmanaged ones.
func (c *suite) neighboursOf(ctx context.Context) ([]container.Summary, error) {
	seen, err := c.docker.API().ContainerInspect(ctx, c.stack.MLflow.Container)
	if err != nil {
		return nil, err
	}
	all := map[string]container.Summary{}
	for network := range seen.NetworkSettings.Networks {
		found, err := c.docker.API().ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("network", network))})
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			all[one.ID] = one
		}
	}
	var list []container.Summary
	for _, one := range all {
		list = append(list, one)
	}
	if len(list) < len(c.stack.Containers()) {
		return nil, fmt.Errorf("%d containers on the stack's networks, wanted %d at least", len(list), len(c.stack.Containers()))
	}
	return list, nil
}

// knockTime is the timeout for a port of this host.
const knockTime = 2 * time.Second

func reached(ctx context.Context, at netip.AddrPort) bool {
	dialer := net.Dialer{Timeout: knockTime}
	connection, err := dialer.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return false
	}
	return connection.Close() == nil
}

func (c *suite) openPorts(ctx context.Context) (string, error) {
	list, err := c.neighboursOf(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	others, err := otherAddresses()
	if err != nil {
		return "", check.NotRun(err)
	}
	edge, ports := c.stack.Edge.Container, 0
	var open []string
	for _, one := range list {
		name := strings.TrimPrefix(one.Names[0], "/")
		database := slices.Contains([]string{c.stack.Postgres.Container, c.stack.Redis.Container}, name)
		for _, port := range one.Ports {
			if port.PublicPort == 0 || port.Type != "tcp" {
				continue
			}
			address, err := netip.ParseAddr(port.IP)
			if err != nil {
				return "", check.NotRun(fmt.Errorf("%s publishes a port at %q", name, port.IP))
			}
			ports++
			knock := address
			if address.IsUnspecified() {
				knock = netip.AddrFrom4([4]byte{127, 0, 0, 1})
			}
			if !reached(ctx, netip.AddrPortFrom(knock, port.PublicPort)) {
				return "", check.NotRun(fmt.Errorf("%s does not answer at its own %s:%d", name, knock, port.PublicPort))
			}
			if name == edge {
				continue
			}
			if !address.IsLoopback() || database {
				open = append(open, fmt.Sprintf("%s at %s:%d", name, address, port.PublicPort))
				continue
			}
			for _, other := range others {
				// Another program may use that port there; only the container's content counts.
				if at := netip.AddrPortFrom(other, port.PublicPort); reached(ctx, at) && !c.listens(list, at) {
					open = append(open, fmt.Sprintf("%s at %s", name, at))
				}
			}
		}
	}
	if len(open) > 0 {
		return "", check.Mismatch(strings.Join(open, ", ")+", which other machines reach", "127.0.0.1 alone")
	}
	if ports == 0 {
		return "", check.NotRun(errors.New("no container publishes a port, so the stack is not reachable"))
	}
	return fmt.Sprintf("%d published ports: other machines reach none past the edge", ports), nil
}

// listens reports whether a listed container publishes exactly that address.
func (c *suite) listens(list []container.Summary, at netip.AddrPort) bool {
	for _, one := range list {
		for _, port := range one.Ports {
			if port.PublicPort == at.Port() && port.IP == at.Addr().String() {
				return true
			}
		}
	}
	return false
}

// otherAddresses returns this host's addresses that other machines may reach.
func otherAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var others []netip.Addr
	for _, one := range all {
		prefix, err := netip.ParsePrefix(one.String())
		if err == nil && !prefix.Addr().IsLoopback() && !prefix.Addr().IsLinkLocalUnicast() {
			others = append(others, prefix.Addr())
		}
	}
	return others, nil
}
