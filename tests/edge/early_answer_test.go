package edge

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

// upload is a request of a client that sends all of it before it reads anything, in HTTP/1.1, as
// Python's requests does.
type upload struct {
	address, host string
	size          int64
	chunked       bool
	header        http.Header
}

// send returns the complete response.
func (s *server) send(t *testing.T, u upload) answer {
	t.Helper()
	conn := s.dial(t, u.address)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, u.address, nothing(u.size))
	require.NoError(t, err)
	request.Header = u.header.Clone()
	request.Host = u.host
	if !u.chunked {
		request.ContentLength = u.size
	}
	require.NoError(t, request.Write(conn), "%+v", u)
	return read(t, conn, request)
}

func read(t *testing.T, conn net.Conn, request *http.Request) answer {
	t.Helper()
	got, err := http.ReadResponse(bufio.NewReader(conn), request)
	require.NoError(t, err, "the answer is lost")
	defer func() { require.NoError(t, got.Body.Close()) }()
	content, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return answer{got.StatusCode, got.ProtoMajor, got.Header, content}
}

// dial connects to an address of the edge, with TLS for https.
func (s *server) dial(t *testing.T, address string) net.Conn {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp4", "127.0.0.1:"+parsed.Port())
	require.NoError(t, err)
	if parsed.Scheme == "http" {
		return conn
	}
	settings := s.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	settings.ServerName, settings.NextProtos = parsed.Hostname(), []string{"http/1.1"}
	return tls.Client(conn, settings)
}

const artifact, logBatch = "/api/2.0/mlflow-artifacts/artifacts/1/x", "/api/2.0/mlflow/runs/log-batch"

func TestAClientThatSendsAllBeforeItReadsReadsWhichLimitItIsOver(t *testing.T) {
	s := start(t, map[string]string{"EDGE_MAX_REQUEST_MB": "100"})
	for _, test := range []struct {
		address string
		size    int64
		limit   string
	}{
		{s.mlflow + artifact, 200 * mib, "100 MiB"},
		{s.mlflow + "/ajax-api/2.0/mlflow/upload-artifact", 200 * mib, "100 MiB"},
		{s.mlflow + logBatch, 70 * mib, "16 MiB"},
		{s.mlflow + "/v1/traces", 17 * mib, "16 MiB"},
		{s.keycloak + "/realms/mlflow/protocol/openid-connect/token", 70 * mib, "1 MB"},
	} {
		for _, chunked := range []bool{false, true} {
			got := s.send(t, upload{address: test.address, size: test.size, chunked: chunked})
			require.Equal(t, http.StatusRequestEntityTooLarge, got.status, "%s, chunked: %t", test.address, chunked)
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			require.NotEmpty(t, got.header.Get("Strict-Transport-Security"))
			require.JSONEq(t, `{"error_code": "BAD_REQUEST", "message": "The request is larger than `+test.limit+`, which is the limit here."}`, string(got.body))
		}
	}
}

func TestEveryOtherAnswerBeforeTheEndOfARequestIsReadToo(t *testing.T) {
	s := start(t, map[string]string{"EDGE_LOGINS_PER_MINUTE": "1"})
	require.Equal(t, http.StatusOK, s.status(t, s.mlflow+"/login"))
	for name, test := range map[string]struct {
		upload upload
		want   int
	}{
		"closed at MLflow":   {upload{address: s.mlflow + "/metrics"}, http.StatusNotFound},
		"closed at Keycloak": {upload{address: s.keycloak + "/admin/"}, http.StatusNotFound},
		"too many":           {upload{address: s.mlflow + "/login", size: 15 * mib}, http.StatusTooManyRequests},
		"another name":       {upload{address: s.mlflow + "/", host: "evil.example.com"}, http.StatusMisdirectedRequest},
		"plain HTTP":         {upload{address: s.plain + artifact, host: "mlflow.edge.test"}, http.StatusPermanentRedirect},
	} {
		if test.upload.size == 0 {
			test.upload.size = 70 * mib
		}
		require.Equal(t, test.want, s.send(t, test.upload).status, name)
	}
}

// A service refuses by the head only: no token, no permission, its own limits.
func TestAnAnswerOfAServiceBeforeTheEndOfARequestIsRead(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// As uvicorn does, which continues to read until the end of its connection.
		require.NoError(t, http.NewResponseController(w).EnableFullDuplex())
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "who are you?")
	}))
	t.Cleanup(refusing.Close)
	s := start(t, map[string]string{"EDGE_MLFLOW": refusing.Listener.Addr().String()})
	for _, chunked := range []bool{false, true} {
		got := s.send(t, upload{address: s.mlflow + artifact, size: 200 * mib, chunked: chunked})
		require.Equal(t, http.StatusUnauthorized, got.status)
		require.Equal(t, "who are you?", string(got.body))
	}
}

// expecting sends only a request's head, and returns the first status and whether the connection
// ends with it.
func (s *server) expecting(t *testing.T, path string, size int64) (status int, last bool) {
	t.Helper()
	conn := s.dial(t, s.mlflow)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	host := strings.TrimPrefix(s.mlflow, "https://")
	_, err := fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", path, host, size)
	require.NoError(t, err)
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err, "%d bytes to %s", size, path)
	require.NoError(t, got.Body.Close())
	return got.StatusCode, got.Close
}

func TestAClientThatAsksBeforeItSendsIsAnsweredBeforeItSends(t *testing.T) {
	s := start(t, map[string]string{"EDGE_MAX_REQUEST_MB": "100"})
	for _, test := range []struct {
		path string
		size int64
		want int
	}{
		{artifact, 101 * mib, http.StatusRequestEntityTooLarge},
		{logBatch, 70 * mib, http.StatusRequestEntityTooLarge},
		{"/metrics", 1000, http.StatusNotFound},
		{artifact, 99 * mib, http.StatusContinue},
		{logBatch, 1000, http.StatusContinue},
	} {
		status, _ := s.expecting(t, test.path, test.size)
		require.Equal(t, test.want, status, "%d bytes to %s", test.size, test.path)
	}
}

// The client gets the service's response to that, and the edge does not request the rest in its name.
func TestAServiceRefusesARequestThatAsksBeforeItIsSent(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(refusing.Close)
	s := start(t, map[string]string{"EDGE_MLFLOW": refusing.Listener.Addr().String()})
	for _, size := range []int64{1000, 99 * mib} {
		status, last := s.expecting(t, artifact, size)
		require.Equal(t, http.StatusForbidden, status, "%d bytes", size)
		// The edge cannot distinguish a body from the next request.
		require.True(t, last)
	}
}
