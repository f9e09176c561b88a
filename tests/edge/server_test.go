package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	patience = 20 * time.Second
	tick     = 50 * time.Millisecond
)

// server is the edge, and one stand-in for both services behind it.
type server struct {
	// mlflow, keycloak, plain and admin are its addresses.
	mlflow, keycloak, plain, admin string
	client                         *http.Client
	backend                        *httptest.Server
	output                         *output
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (s *server) log() string {
	s.output.mu.Lock()
	defer s.output.mu.Unlock()
	return s.output.text.String()
}

// echo answers with the headers that it got, and with one that was asked for.
func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // cut off by the edge
		}
		if name := r.URL.Query().Get("header"); name != "" {
			w.Header().Set(name, r.URL.Query().Get("value"))
		}
		w.Header().Set("Server", "a version that is nobody's business")
		_ = json.NewEncoder(w).Encode(r.Header)
	})
}

var built struct {
	once sync.Once
	path string
	err  error
}

// binary is the server, compiled from the image's own module.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		folder, err := os.MkdirTemp("", "mlflow-sso-edge-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(folder, "caddy")
		command := exec.Command("go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", built.path, ".")
		command.Dir = "../../images/edge/caddy"
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build the edge's server: %w\n%s", err, out)
		}
	})
	require.NoError(t, built.err)
	return built.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

func listenAt(t *testing.T, address string) net.Listener {
	t.Helper()
	var listener net.Listener
	require.Eventually(t, func() (is bool) {
		var err error
		listener, err = net.Listen("tcp4", address)
		return err == nil
	}, patience, tick)
	return listener
}

// freePorts are ports that nobody listens on.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		listener := listenAt(t, "127.0.0.1:0")
		defer func() { _ = listener.Close() }()
		_, port, err := net.SplitHostPort(listener.Addr().String())
		require.NoError(t, err)
		ports = append(ports, port)
	}
	return ports
}

// start runs the server with the image's own configuration; only ports and folders
// are the test's. more overrides the environment.
func start(t *testing.T, more map[string]string) *server {
	t.Helper()
	folder := t.TempDir()
	backend := httptest.NewServer(echo())
	t.Cleanup(backend.Close)
	p := freePorts(t, 4)
	plain, tlsPort, admin, health := p[0], p[1], p[2], p[3]

	images, err := filepath.Abs("../../images/edge")
	require.NoError(t, err)
	config, err := os.ReadFile(filepath.Join(images, "Caddyfile"))
	require.NoError(t, err)
	text := string(config)
	for _, change := range [][2]string{
		{"http_port 8080", "http_port " + plain}, {"https_port 8443", "https_port " + tlsPort}, {"http://:8081 {", "http://:" + admin + " {"},
		{"http://:8090 {", "http://:" + health + " {"}, {"/var/lib/edge", folder + "/data"}, {"import tls/", "import " + images + "/tls/"},
	} {
		require.Contains(t, text, change[0])
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	file := filepath.Join(folder, "Caddyfile")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	s := &server{
		mlflow: "https://mlflow.edge.test:" + tlsPort, keycloak: "https://auth.edge.test:" + tlsPort,
		plain: "http://127.0.0.1:" + plain, admin: "http://127.0.0.1:" + admin, backend: backend, output: &output{},
	}
	behind := backend.Listener.Addr().String()
	environment := map[string]string{
		"EDGE_NAME": "test", "EDGE_CERTIFICATES": "internal", "EDGE_REALM": "mlflow", "EDGE_MLFLOW": behind, "EDGE_KEYCLOAK": behind,
		"EDGE_MLFLOW_HOST": "mlflow.edge.test", "EDGE_MLFLOW_AUTHORITY": "mlflow.edge.test:" + tlsPort,
		"EDGE_KEYCLOAK_HOST": "auth.edge.test", "EDGE_KEYCLOAK_AUTHORITY": "auth.edge.test:" + tlsPort,
		"EDGE_MAX_REQUEST_MB": "6144", "EDGE_LOGINS_PER_MINUTE": "1000", "EDGE_REQUESTS_PER_10S": "10000",
		"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder,
	}
	for name, value := range more {
		environment[name] = value
	}
	command := exec.Command(binary(t), "run", "--config", file, "--adapter", "caddyfile")
	for name, value := range environment {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Stdout, command.Stderr = s.output, s.output
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.log())
		}
	})
	s.await(t, filepath.Join(folder, "data/pki/authorities/local/root.crt"), "127.0.0.1:"+tlsPort)
	return s
}

// await waits until both names have a certificate, and makes the client.
func (s *server) await(t *testing.T, root, address string) {
	t.Helper()
	pool := x509.NewCertPool()
	require.Eventually(t, func() bool {
		content, err := os.ReadFile(root)
		return err == nil && pool.AppendCertsFromPEM(content)
	}, patience, tick, "no authority: %s", s.log())
	s.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
				if strings.Contains(to, ".edge.test:") {
					to = address
				}
				return new(net.Dialer).DialContext(ctx, network, to)
			},
		},
	}
	t.Cleanup(s.client.CloseIdleConnections)
	for _, name := range []string{s.mlflow, s.keycloak} {
		require.Eventually(t, func() bool {
			answer, err := s.client.Get(name + "/metrics") // closed, so that nothing is counted
			return err == nil && answer.Body.Close() == nil
		}, patience, tick, "%s does not answer: %s", name, s.log())
	}
}
