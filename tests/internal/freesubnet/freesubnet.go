// Package freesubnet finds a free subnet for stacks of tests.
package freesubnet

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
)

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
