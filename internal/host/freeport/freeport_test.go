package freeport

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFreePortIsNoPortOfAnOutgoingConnectionAndNotInUse(t *testing.T) {
	ports, err := Ports(1)
	require.NoError(t, err)
	// The next attempts pass over the ports that follow, which are in use now.
	for next := ports[0] + 1; next < ports[0]+200; next++ {
		if listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", next)); err == nil {
			t.Cleanup(func() { _ = listener.Close() })
		}
	}
	for range 50 {
		ports, err := Ports(3)
		require.NoError(t, err)
		require.Len(t, ports, 3)
		seen := map[int]bool{}
		for _, port := range ports {
			require.Less(t, port, 32768)
			require.False(t, seen[port], "one port twice")
			seen[port] = true
			listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
			require.NoError(t, err)
			require.NoError(t, listener.Close())
		}
	}
}
