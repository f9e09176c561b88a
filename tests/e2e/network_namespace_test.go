//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mlflow-sso/mlflow-sso/internal/host/apt"
)

// ownNetwork is a network that does not change: a network namespace with only a loopback
// interface, which forwards some ports to this host's loopback. Chromium aborts its requests
// whenever an interface of its machine changes, as with every container.
type ownNetwork struct{ namespace *os.File }

func newOwnNetwork(t *testing.T, ports []string) *ownNetwork {
	t.Helper()
	n := &ownNetwork{}
	var listeners []net.Listener
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread is in the new namespace and ends with this function.
		runtime.LockOSThread()
		listeners, err = n.enter(ports)
	}()
	<-done
	t.Cleanup(func() {
		for _, l := range listeners {
			_ = l.Close()
		}
		if n.namespace != nil {
			require.NoError(t, n.namespace.Close())
		}
	})
	require.NoError(t, err)
	for i, l := range listeners {
		go forward(l, net.JoinHostPort("127.0.0.1", ports[i]))
	}
	return n
}

// enter creates the namespace for this thread, and listens in it.
func (n *ownNetwork) enter(ports []string) (listeners []net.Listener, err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	if n.namespace, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return nil, err
	}
	if err := loopbackUp(); err != nil {
		return nil, fmt.Errorf("set the loopback interface up: %w", err)
	}
	for _, port := range ports {
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback)
}

// forward hands connections on to this host, as they are.
func forward(l net.Listener, to string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = from.Close() }()
			there, err := net.Dial("tcp4", to)
			if err != nil {
				return
			}
			defer func() { _ = there.Close() }()
			go func() {
				_, _ = io.Copy(there, from)
				_ = there.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(from, there)
		}()
	}
}

// starts makes a command start in the network.
func (n *ownNetwork) starts(command *exec.Cmd) {
	program, err := apt.Find("nsenter")
	if err != nil {
		command.Err = err
		return
	}
	command.Args = append([]string{program, fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), n.namespace.Fd()), "--"}, command.Args...)
	command.Path = program
}
