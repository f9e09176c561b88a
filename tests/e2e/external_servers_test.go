//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
)

//go:embed testdata/postgres.sh
var postgresScript string

//go:embed testdata/redis.sh
var redisScript string

// servers are a Postgres, a Redis and an S3-compatible store outside of any stack: on this host's
// own network, at the address by which containers reach the host, with TLS and certificates of a
// private authority.
type servers struct {
	docker              *engine.Engine
	address             string
	postgres, redis, s3 int
	postgresID, redisID string
	authority           string
	bucket              string // the folder
	secrets             string // the folder
	mlflow, keycloak    string // images that trust the authority
	untrusting          string // MLflow's image that does not
}

// startServers starts them from the images of a running stack, and adds the authority to that
// stack's other images.
func startServers(t *testing.T) *servers {
	t.Helper()
	s := &servers{docker: openEngine(t), secrets: t.TempDir()}
	s.address = hostFromContainers(t, s.docker)
	ports, err := freeport.Ports(3)
	require.NoError(t, err)
	s.postgres, s.redis, s.s3 = ports[0], ports[1], ports[2]
	var chain, key string
	s.authority, chain, key = certificateFor(t, s.address)

	l := sharedLab(t)
	of := func(component string) string {
		seen, err := s.docker.API().ContainerInspect(t.Context(), l.name+"-"+component)
		require.NoError(t, err)
		return seen.Image
	}
	s.untrusting = of("mlflow")
	s.mlflow, s.keycloak = s.trusting(t, "mlflow", of("mlflow")), s.trusting(t, "keycloak", of("keycloak"))

	for _, name := range []string{"mlflow", "mlflow_auth", "keycloak", "redis", "s3"} {
		s.writes(t, name, newSecret())
	}
	files := map[string]string{"certificate.pem": chain, "key.pem": key}
	s.postgresID = s.runs(t, of("postgres"), 10070, postgresScript, files, "ADDRESS="+s.address, "PORT="+strconv.Itoa(s.postgres))
	files["password"] = s.secret(t, "redis")
	s.redisID = s.runs(t, of("redis"), 10071, redisScript, files, "ADDRESS="+s.address, "PORT="+strconv.Itoa(s.redis))
	s.startS3(t, chain, key)
	for name, port := range map[string]int{"postgres": s.postgres, "redis": s.redis, "s3": s.s3} {
		require.Eventually(t, func() bool {
			connection, err := net.Dial("tcp4", net.JoinHostPort(s.address, strconv.Itoa(port)))
			if err == nil {
				_ = connection.Close()
			}
			return err == nil
		}, time.Minute, 200*time.Millisecond, name)
	}
	return s
}

// hostFromContainers is the address by which containers reach this host.
func hostFromContainers(t *testing.T, docker *engine.Engine) string {
	t.Helper()
	bridge, err := docker.API().NetworkInspect(t.Context(), network.NetworkBridge, network.InspectOptions{})
	require.NoError(t, err)
	own, err := net.InterfaceByName(bridge.Options["com.docker.network.bridge.name"])
	require.NoError(t, err)
	addresses, err := own.Addrs()
	require.NoError(t, err)
	for _, address := range addresses {
		if subnet, ok := address.(*net.IPNet); ok && subnet.IP.To4() != nil {
			return subnet.IP.String()
		}
	}
	t.Fatalf("the bridge %s has no IPv4 address", own.Name)
	return ""
}

// newSecret contains characters that an address, a shell and a template interpret.
func newSecret() string { return "%41@:/?#[]&=+ $" + rand.Text() }

func (s *servers) writes(t *testing.T, name, secret string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(s.secrets, name), []byte(secret+"\n"), 0o600))
}

func (s *servers) secret(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.secrets, name))
	require.NoError(t, err)
	return strings.TrimSuffix(string(content), "\n")
}

// runs starts a server in a separate container, with files that only the server's user can read.
func (s *servers) runs(t *testing.T, from string, user int, script string, files map[string]string, env ...string) string {
	t.Helper()
	created, err := s.docker.API().ContainerCreate(t.Context(),
		&container.Config{Image: from, Entrypoint: []string{"bash", "-c", script}, Env: env},
		&container.HostConfig{NetworkMode: "host"}, nil, nil, fmt.Sprintf("e2e-external-%d", time.Now().UnixNano()))
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.said(created.ID))
		}
		require.NoError(t, s.docker.API().ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	})
	require.NoError(t, s.docker.API().CopyToContainer(t.Context(), created.ID, "/tmp", archive(t, files, user), container.CopyToContainerOptions{}))
	require.NoError(t, s.docker.API().ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	return created.ID
}

func (s *servers) said(id string) string {
	stream, err := s.docker.API().ContainerLogs(context.Background(), id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "15"})
	if err != nil {
		return err.Error()
	}
	defer func() { _ = stream.Close() }()
	text, _ := io.ReadAll(stream)
	return string(text)
}

// startS3 starts the store. Each bucket is a folder.
func (s *servers) startS3(t *testing.T, chain, key string) {
	t.Helper()
	folder := t.TempDir()
	s.bucket = filepath.Join(folder, "buckets", "artifacts")
	require.NoError(t, os.MkdirAll(s.bucket, 0o700))
	for name, content := range map[string]string{"certificate.pem": chain, "key.pem": key} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	store := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(sharedLab(t).root, "bin", "s3gateway"),
		"--port", net.JoinHostPort(s.address, strconv.Itoa(s.s3)), "--quiet",
		"--cert", filepath.Join(folder, "certificate.pem"), "--key", filepath.Join(folder, "key.pem"), "posix", filepath.Dir(s.bucket))
	store.Env = append(os.Environ(), "ROOT_ACCESS_KEY=E2EKEY", "ROOT_SECRET_KEY="+s.secret(t, "s3"))
	var output bytes.Buffer
	store.Stdout, store.Stderr = &output, &output
	require.NoError(t, store.Start(), "run `make e2e`, which builds it")
	t.Cleanup(func() {
		_ = store.Process.Kill()
		_ = store.Wait()
		if t.Failed() {
			t.Log(output.String())
		}
	})
}

// trusting is an image with the authority, as a base image has those of the host.
func (s *servers) trusting(t *testing.T, component, from string) string {
	t.Helper()
	seen, err := s.docker.API().ImageInspect(t.Context(), from)
	require.NoError(t, err)
	name := fmt.Sprintf("e2e-external/%s:%d", component, time.Now().UnixNano())
	built, err := s.docker.API().ImageBuild(t.Context(), archive(t, map[string]string{
		"authority.crt": s.authority,
		"Dockerfile": fmt.Sprintf("FROM %s\nUSER root\nCOPY authority.crt /usr/local/share/ca-certificates/e2e.crt\n"+
			"RUN PATH=$PATH:/usr/sbin update-ca-certificates\nUSER %s\n", from, seen.Config.User),
	}, 0), build.ImageBuildOptions{Tags: []string{name}, Remove: true, ForceRemove: true})
	require.NoError(t, err)
	said, err := io.ReadAll(built.Body)
	require.NoError(t, err)
	require.Contains(t, string(said), "Successfully tagged", "%s", said)
	t.Cleanup(func() {
		_, err := s.docker.API().ImageRemove(context.Background(), name, image.RemoveOptions{Force: true, PruneChildren: true})
		require.NoError(t, err)
	})
	return name
}

// archive is a folder of files.
func archive(t *testing.T, files map[string]string, user int) io.Reader {
	t.Helper()
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	for name, content := range files {
		require.NoError(t, writer.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content)), Uid: user, Gid: user}))
		_, err := writer.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, writer.Close())
	return &packed
}

// certificateFor returns an authority's certificate, and one that it has signed for an address
// with its key, all in PEM.
func certificateFor(t *testing.T, address string) (authority, chain, key string) {
	t.Helper()
	encode := func(kind string, content []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
	}
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "e2e authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &root.PublicKey, root)
	require.NoError(t, err)
	parent, err := x509.ParseCertificate(made)
	require.NoError(t, err)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signed, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "external"}, IPAddresses: []net.IP{net.ParseIP(address)},
		NotBefore: template.NotBefore, NotAfter: template.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, parent, &private.PublicKey, root)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return encode("CERTIFICATE", made), encode("CERTIFICATE", signed), encode("PRIVATE KEY", encoded)
}
