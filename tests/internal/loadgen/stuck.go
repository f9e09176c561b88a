package loadgen

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
)

// receiveBuffer is the size of the client's kernel buffer, in bytes: small, so that the server
// soon notices a client that does not read. With a much smaller one a file takes minutes when
// reading continues; enlarging the buffer later has no effect then.
const receiveBuffer = 64 << 10

// Stuck is a download whose client has read the head and then stopped.
type Stuck struct {
	transport *http.Transport
	answer    *http.Response
}

// GetStuck requests a file over a separate connection and reads only the head.
func GetStuck(ctx context.Context, server Server, path string) (*Stuck, error) {
	stuck := &Stuck{transport: Open(server).http.Transport.(*http.Transport)}
	dial := stuck.transport.DialContext
	stuck.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return connection, connection.(*net.TCPConn).SetReadBuffer(receiveBuffer)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	for name, values := range server.Header {
		request.Header[name] = values
	}
	stuck.answer, err = stuck.transport.RoundTrip(request) //nolint:bodyclose // Close does, when the client has stood still long enough
	if err != nil {
		return nil, err
	}
	if stuck.answer.StatusCode != http.StatusOK {
		stuck.Close()
		return nil, fmt.Errorf("GET %s: got %s, want a file", path, stuck.answer.Status)
	}
	return stuck, nil
}

// Rest reads to the end and returns the file's SHA-256, in hexadecimal.
func (s *Stuck) Rest() (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, s.answer.Body); err != nil {
		return "", fmt.Errorf("read on after standing still: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Close disconnects.
func (s *Stuck) Close() {
	_ = s.answer.Body.Close() // unread data does not matter
	s.transport.CloseIdleConnections()
}
