// Package engine is the client of the Docker Engine: it inspects containers and runs commands in
// them.
//
// Open fails unless a daemon responds, so no later call has to explain that Docker is missing.
// The engine is the one that Pulumi's Docker provider uses: DOCKER_HOST, DOCKER_CERT_PATH and
// DOCKER_TLS_VERIFY if set, else the local socket. The contexts of the docker command line are
// ignored.
package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/docker/docker/client"
)

// pingTimeout is how long Open waits for a daemon: a local one responds within milliseconds, one
// behind DOCKER_HOST=ssh or tcp within a few seconds.
const pingTimeout = 10 * time.Second

// ErrNoDaemon is wrapped by every error of Open if no daemon responds.
var ErrNoDaemon = errors.New("no docker daemon answers")

// Engine is a Docker Engine that responds. It is safe for concurrent use.
type Engine struct {
	api *client.Client
	// Host is the address of the daemon, such as unix:///var/run/docker.sock.
	Host string
	// Version is the daemon's own version, such as 20.10.24.
	Version string
}

// Open connects to the Docker Engine and waits at most ten seconds for a response. The caller
// closes it.
func Open(ctx context.Context) (*Engine, error) {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("docker client from DOCKER_HOST=%q, DOCKER_CERT_PATH=%q: %w; correct or unset these variables",
			os.Getenv("DOCKER_HOST"), os.Getenv("DOCKER_CERT_PATH"), err)
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	version, err := api.ServerVersion(ctx)
	if err != nil {
		host := api.DaemonHost()
		_ = api.Close()
		return nil, fmt.Errorf("%w at %s: %w; %s", ErrNoDaemon, host, err, nextStep(host))
	}
	return &Engine{api: api, Host: api.DaemonHost(), Version: version.Version}, nil
}

// nextStep returns what a user can do about a daemon that does not respond.
func nextStep(host string) string {
	if os.Getenv("DOCKER_HOST") != "" {
		return fmt.Sprintf("DOCKER_HOST is set to %s: check that address, or unset it to use the local daemon", host)
	}
	return "start it (systemctl start docker, or dockerd where there is no init system), " +
		"make sure this user may open the socket (group docker), or let `mlflow-sso bootstrap` install it"
}

// API is the Docker client itself, for what this package does not wrap.
func (e *Engine) API() client.APIClient { return e.api }

// Close closes the connections.
func (e *Engine) Close() error { return e.api.Close() }
