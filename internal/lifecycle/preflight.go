package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sys/unix"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// The free space, in bytes, that the Docker host's disk must have: to build images, and to run
// with existing ones.
const (
	roomToBuild = 6 << 30
	roomToRun   = 1 << 30
)

// roomOfState is the growth of the state and its history in many updates, in bytes.
const roomOfState = 32 << 20

// preflight finds problems that would stop an update half-way, before it starts. It can only
// check a Docker host on this machine.
func preflight(ctx context.Context, s *stack.Stack) error {
	err := roomForState(s)
	if strings.HasPrefix(s.Docker.Host, "unix://") {
		err = errors.Join(err, portsFree(ctx, s), subnetFree(ctx, s), roomLeft(ctx, s), folderForSnapshots(s))
	}
	return err
}

func portsFree(ctx context.Context, s *stack.Stack) error {
	published, err := published(ctx, s)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range s.Config.Published() {
		holder, ok := published[p.Port]
		switch {
		case ok && holder.Labels[naming.Deployment] == s.Config.Name:
		case ok:
			errs = append(errs, fmt.Errorf("port %d is in use by the container %s: stop it, or set another %s, and the publicURL with it, in the stack file",
				p.Port, engine.ContainerName(holder), p.Key))
		default:
			if err := bindable(ctx, p); err != nil {
				errs = append(errs, fmt.Errorf("port %d on %s is in use (%w): stop the program that listens there (`ss -ltnp 'sport = :%d'` names it), "+
					"or set another %s, and the publicURL with it, in the stack file", p.Port, p.Address, err, p.Port, p.Key))
			}
		}
	}
	return errors.Join(errs...)
}

// subnetFree finds another network that overlaps the edge's subnet.
func subnetFree(ctx context.Context, s *stack.Stack) error {
	if !s.Config.Edge.Enabled() {
		return nil
	}
	networks, err := s.Docker.API().NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	for _, n := range networks {
		if n.Labels[naming.Deployment] == s.Config.Name {
			continue
		}
		for _, pool := range n.IPAM.Config {
			if other, err := netip.ParsePrefix(pool.Subnet); err == nil && other.Overlaps(s.Config.Edge.Subnet) {
				return fmt.Errorf("edge.subnet %s overlaps with %s of the Docker network %s: set another edge.subnet in the stack file, "+
					"such as 10.213.72.0/24", s.Config.Edge.Subnet, other, n.Name)
			}
		}
	}
	return nil
}

// published maps published ports to running containers. A container of this stack that keeps
// restarting releases its ports at times; one that is starting has them before it counts as
// running. So what counts is its configuration, unless it has ended.
func published(ctx context.Context, s *stack.Stack) (map[int]container.Summary, error) {
	all, err := s.Docker.API().ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	published := map[int]container.Summary{}
	for _, c := range all {
		for _, port := range c.Ports {
			if port.PublicPort > 0 {
				published[int(port.PublicPort)] = c
			}
		}
		if c.Labels[naming.Deployment] != s.Config.Name || c.State == container.StateExited || c.State == container.StateDead {
			continue
		}
		seen, err := s.Docker.API().ContainerInspect(ctx, c.ID)
		if errdefs.IsNotFound(err) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("inspect container %s: %w", engine.ContainerName(c), err)
		}
		for _, bindings := range seen.HostConfig.PortBindings {
			for _, binding := range bindings {
				if port, err := strconv.Atoi(binding.HostPort); err == nil {
					published[port] = c
				}
			}
		}
	}
	return published, nil
}

// bindable tries to listen on the port, as Docker will.
func bindable(ctx context.Context, p config.Published) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort(p.Address.String(), strconv.Itoa(p.Port)))
	if err == nil {
		return listener.Close()
	}
	var system *os.SyscallError
	if errors.As(err, &system) {
		return system.Err
	}
	return err
}

func roomLeft(ctx context.Context, s *stack.Stack) error {
	info, err := s.Docker.API().Info(ctx)
	if err != nil {
		return fmt.Errorf("query the Docker daemon: %w", err)
	}
	built, err := s.Docker.API().ImageList(ctx, image.ListOptions{
		Filters: filters.NewArgs(filters.Arg("reference", s.Config.Name+"/*")),
	})
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	want := uint64(roomToBuild)
	if len(built) > 0 {
		want = roomToRun
	}
	return roomIn(info.DockerRootDir, want, "`docker system df` shows what Docker keeps")
}

func roomForState(s *stack.Stack) error {
	folder, ok := s.StateFolder()
	if !ok {
		return nil
	}
	return roomIn(folder, roomOfState, "the state of the stacks is there")
}

func roomIn(folder string, want uint64, hint string) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		return nil //nolint:nilerr // a folder that cannot be checked is no reason to stop
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < want {
		return fmt.Errorf("the disk is full: %s has %s free, want %s: free space, and run this again (%s)", folder, size(free), size(want), hint)
	}
	return nil
}

func size(bytes uint64) string {
	if bytes < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
}
