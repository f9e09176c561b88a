package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
)

// receiveBuffer is what the kernel may keep for a stuck client, in bytes: little,
// so that the server notices soon that nobody reads.
const receiveBuffer = 8 << 10

// Stuck is a download whose client has read the head and then stopped.
type Stuck struct {
	transport *http.Transport
	answer    *http.Response
}

// GetStuck asks for a file over a connection of its own and reads no further
// than the head.
func GetStuck(ctx context.Context, server Server, path string) (*Stuck, error) {
	client, err := Open(server)
	if err != nil {
		return nil, err
	}
	transport := client.http.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
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
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	stuck := &Stuck{transport, answer}
	if answer.StatusCode != http.StatusOK {
		stuck.Close()
		return nil, fmt.Errorf("GET %s: got %s, want a file", path, answer.Status)
	}
	return stuck, nil
}

// Rest reads on to the end and returns the file's SHA-256, in hexadecimal.
func (s *Stuck) Rest() (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, s.answer.Body); err != nil {
		return "", fmt.Errorf("read on after standing still: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Close goes away.
func (s *Stuck) Close() {
	_ = s.answer.Body.Close() // whatever is left unread is no news
	s.transport.CloseIdleConnections()
}
