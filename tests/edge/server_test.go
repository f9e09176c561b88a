package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
)

const (
	patience = 20 * time.Second
	tick     = 50 * time.Millisecond
)

// server is the edge, with one stub for both services behind it.
type server struct {
	// mlflow, keycloak, plain and admin are its addresses.
	mlflow, keycloak, plain, admin string
	folder                         string
	client                         *http.Client
	backend                        *httptest.Server
	output                         *output
}

// output is a process's output so far.
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

// echo responds with the headers that it received, and with a requested one.
func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // interrupted by the edge
		}
		if name := r.URL.Query().Get("header"); name != "" {
			w.Header().Set(name, r.URL.Query().Get("value"))
		}
		w.Header().Set("Server", "a secret version")
		_ = json.NewEncoder(w).Encode(r.Header)
	})
}

// programs is the folder of programs that are compiled once for the tests.
var programs struct {
	mu     sync.Mutex
	folder string
}

// program is a command of a separate module, compiled with its go.sum.
func program(t *testing.T, module, command, name string) string {
	t.Helper()
	programs.mu.Lock()
	defer programs.mu.Unlock()
	if programs.folder == "" {
		var err error
		programs.folder, err = os.MkdirTemp("", "mlflow-sso-edge-")
		require.NoError(t, err)
	}
	path := filepath.Join(programs.folder, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	build := exec.Command("go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", path, command)
	build.Dir = module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "build %s: %s", name, out)
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if programs.folder != "" {
		_ = os.RemoveAll(programs.folder)
	}
	os.Exit(code)
}

func listenAt(t *testing.T, address string) net.Listener {
	t.Helper()
	var listener net.Listener
	require.Eventually(t, func() (ok bool) {
		var err error
		listener, err = net.Listen("tcp4", address)
		return err == nil
	}, patience, tick)
	return listener
}

// freePorts are ports without a listener.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	found, err := freeport.Ports(n)
	require.NoError(t, err)
	ports := make([]string, 0, n)
	for _, port := range found {
		ports = append(ports, strconv.Itoa(port))
	}
	return ports
}

// image is a copy of the image's own files, with the test's folders and ports.
func image(t *testing.T, folder string, ports map[string]string) {
	t.Helper()
	change := strings.NewReplacer(
		"http_port 8080", "http_port "+ports["plain"], "https_port 8443", "https_port "+ports["tls"],
		"http://:8081 {", "http://:"+ports["admin"]+" {", "http://:8090 {", "http://:"+ports["health"]+" {",
		"/var/lib/edge", folder+"/data", "/etc/edge/", folder+"/", "/tmp/edge", folder+"/memory",
	)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "tls"), 0o700))
	for _, name := range []string{"Caddyfile", "entrypoint", "tls/internal", "tls/files", "tls/acme"} {
		content, err := os.ReadFile(filepath.Join("../../images/edge", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(change.Replace(string(content))), 0o700))
	}
	config, err := os.ReadFile(filepath.Join(folder, "Caddyfile"))
	require.NoError(t, err)
	for _, port := range ports {
		require.Contains(t, string(config), port, "the Caddyfile has another port than this test replaces")
	}
}

// start runs the image's entrypoint with the image's configuration, and waits until both names
// are served. more overrides the environment.
func start(t *testing.T, more map[string]string) *server {
	t.Helper()
	for left := 2; ; left-- {
		s := launch(t, newPorts(t), more)
		root := filepath.Join(s.folder, "data/pki/authorities/local/root.crt")
		pool := x509.NewCertPool()
		taken := func() bool { return strings.Contains(s.log(), "address already in use") }
		require.Eventually(t, func() bool {
			content, err := os.ReadFile(root)
			return taken() || err == nil && pool.AppendCertsFromPEM(content)
		}, patience, tick, "no authority: %s", s.log())
		// Between the search for free ports and their use, other processes on this machine take
		// some.
		if left > 0 && taken() {
			continue
		}
		s.await(t, pool)
		return s
	}
}

// newPorts are free ones for each of the server's listeners.
func newPorts(t *testing.T) map[string]string {
	t.Helper()
	p := freePorts(t, 4)
	return map[string]string{"plain": p[0], "tls": p[1], "admin": p[2], "health": p[3]}
}

// launch runs the image's entrypoint.
func launch(t *testing.T, ports, more map[string]string) *server {
	t.Helper()
	folder := t.TempDir()
	backend := httptest.NewServer(echo())
	t.Cleanup(backend.Close)
	image(t, folder, ports)
	s := &server{
		folder: folder, mlflow: "https://mlflow.edge.test:" + ports["tls"], keycloak: "https://auth.edge.test:" + ports["tls"],
		plain: "http://127.0.0.1:" + ports["plain"], admin: "http://127.0.0.1:" + ports["admin"], backend: backend, output: &output{},
	}
	behind, caddy := backend.Listener.Addr().String(), program(t, "../../images/edge/caddy", ".", "caddy")
	environment := map[string]string{
		"EDGE_NAME": "test", "EDGE_CERTIFICATES": "internal", "EDGE_REALM": "mlflow", "EDGE_MLFLOW": behind, "EDGE_KEYCLOAK": behind,
		"EDGE_MLFLOW_HOST": "mlflow.edge.test", "EDGE_MLFLOW_AUTHORITY": "mlflow.edge.test:" + ports["tls"],
		"EDGE_KEYCLOAK_HOST": "auth.edge.test", "EDGE_KEYCLOAK_AUTHORITY": "auth.edge.test:" + ports["tls"],
		"EDGE_MAX_REQUEST_MB": "6144", "EDGE_LOGINS_PER_MINUTE": "1000", "EDGE_FORMS_PER_MINUTE": "1000", "EDGE_REQUESTS_PER_SECOND": "10000",
		"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder, "PATH": filepath.Dir(caddy) + ":/usr/bin:/bin",
	}
	maps.Copy(environment, more)
	command := exec.Command(filepath.Join(folder, "entrypoint"))
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
	return s
}

// await waits until both names have a certificate of the pool's, and returns the client that
// trusts it.
func (s *server) await(t *testing.T, pool *x509.CertPool) {
	t.Helper()
	s.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
				if _, port, found := strings.Cut(to, ".edge.test:"); found {
					to = "127.0.0.1:" + port
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
