// Package freeport finds free ports, for the rehearsal of an upgrade and for stacks of tests.
// Another program may take one before it is used; what should listen there then fails with that
// reason.
package freeport

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
)

// The range of Ports, below the kernel's range for outgoing connections: such a port can be taken
// before a stack listens on it.
const first, last = 20000, 32000

// Ports returns different unused ports of 127.0.0.1.
func Ports(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range 100 * n {
		if len(ports) == n {
			break
		}
		offset, err := rand.Int(rand.Reader, big.NewInt(last-first))
		if err != nil {
			return nil, err
		}
		port := first + int(offset.Int64())
		listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			continue // another process listens there
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, fmt.Errorf("got %d free ports from %d to %d, want %d", len(ports), first, last, n)
	}
	return ports, nil
}
