package address

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Authorities is the file in every image with the trusted CA certificates: the distribution's,
// and the Docker host's own at the time of the build.
const Authorities = "/etc/ssl/certs/ca-certificates.crt"

// Server is the address of a database or a cache for containers: an alias on a private network,
// or an external host. The zero value is no address.
type Server struct {
	// Host is an alias, or an external host.
	Host string
	// Port is the TCP port there.
	Port int
	// TLS requires TLS, and a certificate for Host.
	TLS bool
}

// IsZero reports whether there is no address.
func (s Server) IsZero() bool { return s.Host == "" }

// String returns host and port.
func (s Server) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// CheckExternal validates the address of an external server and reports every mistake at once.
func (s Server) CheckExternal() error {
	errs := []error{CheckExternalHost(s.Host)}
	if s.Port < 1 || s.Port > 65535 {
		errs = append(errs, fmt.Errorf("got port %d, want 1 to 65535", s.Port))
	}
	if !s.TLS && errs[0] == nil && !Private(s.Host) {
		errs = append(errs, fmt.Errorf("got tls false for %q, want true: passwords may be sent unencrypted to a private IPv4 address only", s.Host))
	}
	return errors.Join(errs...)
}

// CheckExternalHost validates an external host that a container must reach.
func CheckExternalHost(host string) error {
	const want = "want a full domain name in lower case, or an IPv4 address"
	address, err := netip.ParseAddr(host)
	switch {
	case host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && (address.IsLoopback() || address.IsUnspecified()):
		return fmt.Errorf("got host %q, which in a container is that container: want an address by which containers reach it", host)
	case err == nil && !address.Is4():
		return fmt.Errorf("got host %q, %s: the stack's networks have no IPv6", host, want)
	case err != nil && (!hostPattern.MatchString(host) || !strings.Contains(host, ".")):
		return fmt.Errorf("got host %q, %s", host, want)
	}
	return nil
}

// Private reports whether a host is an address of a private network (RFC 1918). A name is not:
// what it resolves to can change.
func Private(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Is4() && address.IsPrivate()
}
