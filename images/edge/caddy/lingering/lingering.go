// Package lingering closes connections so that a client that is still sending can
// read the answer it has been given.
//
// A server that answers before it has read a request's body, and then closes, makes
// the kernel reset the connection: the client's next write fails, and the answer is
// lost. Over TLS a client such as Python's requests reports broken TLS and tries
// again. Here Close ends the sending side only, and discards what still arrives for
// a bounded time and amount.
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
	// Bytes that are discarded for one connection.
	Bytes int64
	// Time from Close to the end.
	Time time.Duration
	// Idle is the longest wait for the client's next bytes.
	Idle time.Duration
	// AtOnce is the number of connections; more than these are closed at once.
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

// halfCloser is what a TCP connection can do: end its own sending, and go on reading.
type halfCloser interface{ CloseWrite() error }

type conn struct {
	net.Conn
	half     halfCloser
	listener *Listener
	// ended: the client has closed its side or failed, so nothing more arrives.
	ended, closed atomic.Bool
}

// Read notes the end of what the client sends.
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

// linger discards what arrives until the client closes or a bound is reached.
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
