package network

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFrontHasTheLastAddressOfTheSubnet(t *testing.T) {
	for subnet, want := range map[string]string{
		"10.213.71.0/24": "10.213.71.254",
		"10.0.0.0/16":    "10.0.255.254",
		"172.16.5.16/28": "172.16.5.30",
	} {
		require.Equal(t, want, EdgeAddress(netip.MustParsePrefix(subnet)).String(), "of %s", subnet)
	}
}

// Keycloak answers "HTTPS required" to plain http from public networks, and MLflow connects in plain
// http.
func TestOnlyAPrivateSubnetIsAccepted(t *testing.T) {
	for subnet, want := range map[string]string{
		"100.64.0.0/24":  "private IPv4 subnet",
		"192.0.2.0/24":   "private IPv4 subnet",
		"fd00::/64":      "private IPv4 subnet",
		"10.0.0.1/24":    "want 10.0.0.0/24",
		"10.0.0.0/8":     "got 8 bits",
		"192.168.0.0/29": "got 29 bits",
	} {
		require.ErrorContains(t, CheckSubnet(netip.MustParsePrefix(subnet)), want, "for %s", subnet)
	}
	for _, subnet := range []string{"10.213.71.0/24", "172.31.0.0/16", "192.168.7.16/28"} {
		require.NoError(t, CheckSubnet(netip.MustParsePrefix(subnet)))
	}
	require.Error(t, CheckSubnet(netip.Prefix{}))
}
