// Package freeport finds free ports and subnets for stacks of tests. Another program may
// take one before it is used; the test then fails with that reason.
package freeport

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
)

// The range of Ports, below the kernel's range for outgoing connections: such a port can be taken
// before a test listens on it.
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

// Subnet is a private network in which this host has no address.
func Subnet() (netip.Prefix, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Prefix{}, err
	}
	random := make([]byte, 2)
next:
	for range 100 {
		_, _ = rand.Read(random)
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 128 | random[0], random[1], 0}), 24)
		for _, taken := range addresses {
			if other, err := netip.ParsePrefix(taken.String()); err == nil && other.Overlaps(subnet) {
				continue next
			}
		}
		return subnet, nil
	}
	return netip.Prefix{}, errors.New("no subnet in 10.128.0.0/9 is free")
}
