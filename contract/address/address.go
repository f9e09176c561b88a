// Package address gives the public and the internal address of a service two different
// types.
//
// A service is reached in two ways: a browser uses its [Public] address, a container on
// the private network its [Internal] one. A swap of the two is an easy mistake and breaks
// logins in ways that are hard to see, so here it does not compile. Services that no
// browser calls, a database or a cache, may be outside the private network: their address
// is a [Server].
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

// Public is what a browser sees: scheme and host, and a port where it is not
// the scheme's own. The zero value is no address.
type Public struct {
	scheme, host string
}

// ParsePublic reads a public address such as "http://localhost:5000" or
// "https://mlflow.example.com". It refuses everything that is not exactly an
// origin, and host names that only resolve inside a Docker network.
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
	// What the parser lets through or puts right on its own is no origin either.
	if _, err := netip.ParseAddr(host); (err != nil && !hostPattern.MatchString(host)) || p.String() != text {
		return Public{}, fmt.Errorf("got %q, %s", text, want)
	}
	return p, nil
}

// hostPattern is a name of words of letters, digits and hyphens, and no dot at
// either end.
var hostPattern = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// IsZero says whether there is no address.
func (p Public) IsZero() bool { return p.host == "" }

// String is the address without a trailing slash.
func (p Public) String() string { return p.scheme + "://" + p.host }

// Host is the host, with the port where the address has one, as an HTTP Host
// header carries it.
func (p Public) Host() string { return p.host }

// Name is the host without a port, which a certificate is for.
func (p Public) Name() string {
	if name, _, err := net.SplitHostPort(p.host); err == nil {
		return name
	}
	return strings.Trim(p.host, "[]")
}

// URL is the URL of a path, which starts with a slash.
func (p Public) URL(path string) string { return p.String() + path }

// TLS says whether browsers use https.
func (p Public) TLS() bool { return p.scheme == "https" }

// Port is the TCP port that a browser connects to.
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

// Loopback says whether only browsers on this very machine can reach the
// address.
func (p Public) Loopback() bool {
	if p.Name() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(p.Name())
	return err == nil && ip.IsLoopback()
}

// Internal is where a container answers on a private network: the network
// alias of the service and a port. The zero value is no address.
type Internal struct {
	// Host is the alias of the service on the network.
	Host string
	// Port is the TCP port inside the container.
	Port int
}

// IsZero says whether there is no address.
func (i Internal) IsZero() bool { return i.Host == "" }

// String is host and port.
func (i Internal) String() string { return net.JoinHostPort(i.Host, strconv.Itoa(i.Port)) }

// URL is the plain HTTP URL of a path, which starts with a slash.
func (i Internal) URL(path string) string { return "http://" + i.String() + path }
