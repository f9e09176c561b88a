//go:build e2e

package e2e

import (
	"crypto/tls"
	"errors"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// mailServer receives mail at the address by which containers reach this host: after STARTTLS,
// and from authenticated clients.
type mailServer struct {
	host     string
	port     int
	username string
	password string

	mutex   sync.Mutex
	letters []letter
}

// letter is a mail that has arrived.
type letter struct{ to, from, body string }

func startMailServer(t *testing.T, address, chain, key string) *mailServer {
	t.Helper()
	certificate, err := tls.X509KeyPair([]byte(chain), []byte(key))
	require.NoError(t, err)
	m := &mailServer{host: address, username: "mailer", password: newSecret()}
	listener, err := net.Listen("tcp4", net.JoinHostPort(address, "0"))
	require.NoError(t, err)
	m.port = listener.Addr().(*net.TCPAddr).Port
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: m}, nil }))
	server.Domain = address
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return m
}

// to are the letters to an address.
func (m *mailServer) to(address string) []letter {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var found []letter
	for _, l := range m.letters {
		if l.to == address {
			found = append(found, l)
		}
	}
	return found
}

// link is the address in a letter that leads to Keycloak.
func (l letter) link(t *testing.T, keycloak string) string {
	t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(keycloak) + `/[^\s"<>]+`).FindString(l.body)
	// The letter contains what opens an account.
	require.NotEmpty(t, found, "no link to %s in a letter of %d characters", keycloak, len(l.body))
	return strings.ReplaceAll(found, "&amp;", "&")
}

type mailSession struct {
	server *mailServer
	letter letter
	known  bool
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.server.username || password != s.server.password {
			return errors.New("no such login")
		}
		s.known = true
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if !s.known {
		return smtp.ErrAuthRequired
	}
	s.letter = letter{from: from}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error { s.letter.to = to; return nil }

func (s *mailSession) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	if err != nil {
		return err
	}
	s.letter.body = string(body)
	s.server.mutex.Lock()
	defer s.server.mutex.Unlock()
	s.server.letters = append(s.server.letters, s.letter)
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }
