//go:build bench

package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// server is an MLflow next to the stack's own, published on this machine only.
type server struct {
	container string
	url       string
	way       func(*http.Client, *http.Transport)
}

const (
	mlflowPort = nat.Port("5000/tcp")
	// plainCheck is the image's own health check, for a server without the plugin.
	plainCheck = `exec 3<>/dev/tcp/127.0.0.1/5000; printf 'GET /health HTTP/1.0\r\nHost: 127.0.0.1:5000\r\n\r\n' >&3; read -r _ status _ <&3; [[ $status == 200 ]]`
)

// serveWithPlugin starts the stack's MLflow a second time, with its own port.
func (m *machine) serveWithPlugin(ctx context.Context, t *testing.T, deployed outputs.Stack) server {
	return m.serve(ctx, t, deployed, "with-plugin", func(*container.Config, *container.HostConfig) {})
}

// servePlain starts MLflow from the same image without the plugin: no login, its own database on
// the same server, the same number of processes, and persistent connections as with the plugin. A
// prompt one does not wait for acknowledgements either.
func (m *machine) servePlain(ctx context.Context, t *testing.T, deployed outputs.Stack, name string, prompt bool) server {
	password, database := rand.Text(), "bench_"+name
	sql := fmt.Sprintf("CREATE ROLE %[1]s LOGIN PASSWORD '%[2]s'; CREATE DATABASE %[1]s OWNER %[1]s;", database, password)
	for _, statement := range strings.SplitAfter(sql, "; ") { // a database cannot be created within a transaction
		made, err := m.docker.Exec(ctx, deployed.Postgres.Container,
			[]string{"psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--host=/tmp/postgresql", "--username=postgres", "--dbname=postgres"},
			engine.Stdin(strings.NewReader(statement)))
		require.NoError(t, err)
		require.Zero(t, made.ExitCode, "a database for the plain server") // psql's error may repeat the password
	}
	return m.serve(ctx, t, deployed, name, func(config *container.Config, host *container.HostConfig) {
		uri, err := withDatabase(setting(config.Env, "MLFLOW_BACKEND_STORE_URI"), database, password)
		require.NoError(t, err)
		pool, err := m.docker.Exec(ctx, deployed.MLflow.Container, []string{"python", "-c", "from mlflow_sso import process_limits; import os; print(process_limits.threads(int(os.environ['MLFLOW_WORKERS'])) + 1)"})
		require.NoError(t, err)
		require.NoError(t, pool.Err())
		config.Env = changed(config.Env, map[string]string{
			"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": strings.TrimSpace(pool.Stdout),
		})
		config.Entrypoint = []string{"mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", setting(config.Env, "MLFLOW_WORKERS")}
		config.Healthcheck.Test = []string{"CMD", "bash", "-c", plainCheck}
		if prompt {
			folder, err := filepath.Abs("prompt")
			require.NoError(t, err)
			host.Binds = append(slices.Clone(host.Binds), folder+":/prompt:ro")
			config.Env = append(config.Env, "PYTHONPATH=/prompt")
		}
	})
}

// serve creates a container like the stack's MLflow, except for what change changes.
func (m *machine) serve(ctx context.Context, t *testing.T, deployed outputs.Stack, name string, change func(*container.Config, *container.HostConfig)) server {
	seen, err := m.docker.API().ContainerInspect(ctx, deployed.MLflow.Container)
	require.NoError(t, err)
	config, host := *seen.Config, *seen.HostConfig
	config.Labels, config.Hostname = m.labels(name), name
	change(&config, &host)
	port := freePort(t)
	config.ExposedPorts = nat.PortSet{mlflowPort: {}}
	host.PortBindings = nat.PortMap{mlflowPort: {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(port)}}}
	var edge string
	var others []string
	for joined := range seen.NetworkSettings.Networks {
		if strings.HasSuffix(joined, "-edge") { // only that network publishes ports
			edge = joined
		} else {
			others = append(others, joined)
		}
	}
	require.NotEmpty(t, edge)
	host.NetworkMode = container.NetworkMode(edge)
	made, err := m.docker.API().ContainerCreate(ctx, &config, &host, &network.NetworkingConfig{
		EndpointsConfig: map[string]*network.EndpointSettings{edge: {}}, // without the alias by which the edge finds the stack's own
	}, nil, m.baseline(name))
	require.NoError(t, err)
	for _, other := range others {
		require.NoError(t, m.docker.API().NetworkConnect(ctx, other, made.ID, &network.EndpointSettings{}))
	}
	require.NoError(t, m.docker.API().ContainerStart(ctx, made.ID, container.StartOptions{}))
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for ready := answers("http://" + address + "/health"); !ready(ctx); {
		state, err := m.docker.State(ctx, m.baseline(name))
		require.NoError(t, err)
		require.False(t, state.Ended(), "%s ended with code %d", name, state.ExitCode)
		require.NoError(t, pause(ctx, readyPoll))
	}
	return server{container: m.baseline(name), url: "http://mlflow:5000", way: dialing(address)}
}
