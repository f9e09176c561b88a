package address

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Authorities is the file in every image with the authorities that are trusted:
// the distribution's, and the Docker host's own from when the image was made.
const Authorities = "/etc/ssl/certs/ca-certificates.crt"

// Server is where a container reaches a database or a cache: an alias on a
// private network, or an external host. The zero value is no address.
type Server struct {
	// Host is an alias, or an external host.
	Host string
	// Port is the TCP port there.
	Port int
	// TLS says that TLS is spoken, and that the server has to prove to be Host.
	TLS bool
}

// IsZero says whether there is no address.
func (s Server) IsZero() bool { return s.Host == "" }

// String is host and port.
func (s Server) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// CheckExternal says what is wrong with the address of a server that is not the
// stack's, every mistake at once; nil when nothing is.
func (s Server) CheckExternal() error {
	errs := []error{CheckExternalHost(s.Host)}
	if s.Port < 1 || s.Port > 65535 {
		errs = append(errs, fmt.Errorf("got port %d, want 1 to 65535", s.Port))
	}
	if !s.TLS && errs[0] == nil && !Private(s.Host) {
		errs = append(errs, fmt.Errorf("got tls false for %q, want true: only to a private IPv4 address may passwords travel in clear", s.Host))
	}
	return errors.Join(errs...)
}

// CheckExternalHost says what is wrong with an external host that a container
// must reach; nil when nothing is.
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

// Private says whether a host is an address of a private network (RFC 1918). A
// name is not: what it resolves to can change.
func Private(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Is4() && address.IsPrivate()
}
