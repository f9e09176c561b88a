// Package address gives the public and the internal address of a service two different types.
//
// A service has two addresses: a browser uses its [Public] address, a container on the private
// network its [Internal] one. Swapping them is an easy mistake and breaks logins in ways that are
// hard to see, so here it does not compile. Services that browsers do not call, a database or a
// cache, may be outside the private network: their address is a [Server].
package address

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Public is an address for browsers: scheme and host, and a port unless it is the scheme's
// default. The zero value is no address.
type Public struct {
	scheme, host string
}

// ParsePublic parses a public address such as "http://localhost:5000" or
// "https://mlflow.example.com". It refuses everything that is not exactly an origin, and host
// names that only resolve inside a Docker network.
func ParsePublic(text string) (Public, error) {
	const want = `want an origin such as "http://localhost:5000" or "https://mlflow.example.com"`
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return Public{}, fmt.Errorf("got %q, %s", text, want)
	case u.Scheme != "http" && u.Scheme != "https":
		return Public{}, fmt.Errorf("got scheme %q in %q, want http or https", u.Scheme, text)
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return Public{}, fmt.Errorf("got %q with something after the host, %s", text, want)
	case u.User != nil:
		return Public{}, fmt.Errorf("got an address with a user in it, %s", want)
	}
	host := u.Hostname()
	if !strings.Contains(host, ".") && !strings.Contains(host, ":") && host != "localhost" {
		return Public{}, fmt.Errorf("got host %q, which a browser cannot resolve: want localhost or a full domain name", host)
	}
	if strings.ToLower(u.Host) != u.Host {
		return Public{}, fmt.Errorf("got host %q, want lower case: a browser compares origins in lower case", u.Host)
	}
	if port := u.Port(); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return Public{}, fmt.Errorf("got port %q in %q, want 1 to 65535", port, text)
		}
		if (u.Scheme == "http" && n == 80) || (u.Scheme == "https" && n == 443) {
			return Public{}, fmt.Errorf("got port %d in %q, want it left out: it is the scheme's own", n, text)
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return Public{}, fmt.Errorf("got %q with an empty port, %s", text, want)
	}
	p := Public{scheme: u.Scheme, host: u.Host}
	// Refuse what the parser tolerates or corrects by itself.
	if _, err := netip.ParseAddr(host); (err != nil && !hostPattern.MatchString(host)) || p.String() != text {
		return Public{}, fmt.Errorf("got %q, %s", text, want)
	}
	return p, nil
}

// hostPattern matches labels of letters, digits and hyphens, without a leading or trailing dot.
var hostPattern = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// IsZero reports whether there is no address.
func (p Public) IsZero() bool { return p.host == "" }

// String returns the address without a trailing slash.
func (p Public) String() string { return p.scheme + "://" + p.host }

// Host returns the host, with the port if the address has one, as in an HTTP Host header.
func (p Public) Host() string { return p.host }

// Name returns the host without a port, the name for a certificate.
func (p Public) Name() string {
	if name, _, err := net.SplitHostPort(p.host); err == nil {
		return name
	}
	return strings.Trim(p.host, "[]")
}

// URL returns the URL of a path, which starts with a slash.
func (p Public) URL(path string) string { return p.String() + path }

// TLS reports whether browsers use https.
func (p Public) TLS() bool { return p.scheme == "https" }

// Port returns the TCP port that a browser connects to.
func (p Public) Port() int {
	if _, port, err := net.SplitHostPort(p.host); err == nil {
		n, _ := strconv.Atoi(port) // ParsePublic has checked it
		return n
	}
	if p.TLS() {
		return 443
	}
	return 80
}

// Loopback reports whether only browsers on this machine can reach the address.
func (p Public) Loopback() bool {
	if p.Name() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(p.Name())
	return err == nil && ip.IsLoopback()
}

// Internal is the address of a container on a private network: the network alias of the service
// and a port. The zero value is no address.
type Internal struct {
	// Host is the network alias of the service.
	Host string
	// Port is the TCP port inside the container.
	Port int
}

// IsZero reports whether there is no address.
func (i Internal) IsZero() bool { return i.Host == "" }

// String returns host and port.
func (i Internal) String() string { return net.JoinHostPort(i.Host, strconv.Itoa(i.Port)) }

// URL returns the plain HTTP URL of a path, which starts with a slash.
func (i Internal) URL(path string) string { return "http://" + i.String() + path }
