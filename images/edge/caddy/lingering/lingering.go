// Package lingering closes connections so that a client that is still sending can read the
// response.
//
// If a server responds before it has read a request's body and then closes, the kernel resets the
// connection: the client's next write fails, and the response is lost. Over TLS a client such as
// Python's requests reports a TLS error and retries. Here Close closes the sending side only, and
// discards what still arrives for a limited time and amount.
package lingering

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Bounds limit what happens after Close.
type Bounds struct {
	// Bytes to discard for one connection.
	Bytes int64
	// Time from Close to the end.
	Time time.Duration
	// Idle is the longest wait for the client's next bytes.
	Idle time.Duration
	// AtOnce is the maximum number of lingering connections; further ones are closed at once.
	AtOnce int
}

// Listener returns connections that linger.
type Listener struct {
	net.Listener
	bounds Bounds
	places chan struct{}
}

// NewListener wraps a listener of TCP connections, below TLS: what arrives is not decrypted.
func NewListener(inner net.Listener, bounds Bounds) *Listener {
	return &Listener{Listener: inner, bounds: bounds, places: make(chan struct{}, bounds.AtOnce)}
}

// Accept returns the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	half, ok := accepted.(halfCloser)
	if !ok {
		return accepted, nil
	}
	return &conn{Conn: accepted, half: half, listener: l}, nil
}

// halfCloser can close its sending side, and continue reading.
type halfCloser interface{ CloseWrite() error }

type conn struct {
	net.Conn
	half     halfCloser
	listener *Listener
	// ended is set when the client has closed its side or failed, so that nothing more arrives.
	ended, closed atomic.Bool
}

// Read records the end of the client's data.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !isTimeout(err) {
		c.ended.Store(true)
	}
	return n, err
}

// Close returns at once; the connection may linger.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	if c.ended.Load() {
		return c.Conn.Close()
	}
	select {
	case c.listener.places <- struct{}{}:
	default:
		return c.Conn.Close()
	}
	if err := c.half.CloseWrite(); err != nil {
		<-c.listener.places
		return c.Conn.Close()
	}
	go func() {
		defer func() { <-c.listener.places }()
		c.linger(c.listener.bounds)
	}()
	return nil
}

// linger discards what arrives until the client closes or a limit is reached.
func (c *conn) linger(bounds Bounds) {
	defer func() { _ = c.Conn.Close() }()
	buffer := make([]byte, 32<<10)
	end := time.Now().Add(bounds.Time)
	for left := bounds.Bytes; left > 0; {
		next := time.Now().Add(bounds.Idle)
		if next.After(end) {
			next = end
		}
		if err := c.SetReadDeadline(next); err != nil {
			return
		}
		n, err := c.Conn.Read(buffer)
		left -= int64(n)
		if err != nil {
			return
		}
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return !errors.Is(err, io.EOF) && errors.As(err, &timeout) && timeout.Timeout()
}
