// Package engine is the client of the Docker Engine: it inspects containers and runs
// commands in them.
//
// Open fails unless a daemon really answers, so no later call has to explain
// that Docker is missing. The engine is the one the Docker provider of Pulumi
// talks to: DOCKER_HOST, DOCKER_CERT_PATH and DOCKER_TLS_VERIFY if set, else the
// local socket. The contexts of the docker command line are not consulted.
package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/docker/docker/client"
)

// pingTimeout bounds how long Open waits for a daemon: a local one answers
// within milliseconds, one behind DOCKER_HOST=ssh or tcp within a few seconds.
const pingTimeout = 10 * time.Second

// ErrNoDaemon is wrapped by every error of Open that says no daemon answered.
var ErrNoDaemon = errors.New("no docker daemon answers")

// Engine is a Docker Engine that has answered. It is safe for concurrent use.
type Engine struct {
	api *client.Client
	// Host is where the daemon was found, such as unix:///var/run/docker.sock.
	Host string
	// Version is the daemon's own version, such as 20.10.24.
	Version string
}

// Open connects to the Docker Engine and waits at most ten seconds for its
// answer. The caller closes it.
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

// nextStep is what a person can do about a daemon that does not answer.
func nextStep(host string) string {
	if os.Getenv("DOCKER_HOST") != "" {
		return fmt.Sprintf("DOCKER_HOST is set to %s: check that address, or unset it to use the local daemon", host)
	}
	return "start it (systemctl start docker, or dockerd where there is no init system), " +
		"make sure this user may open the socket (group docker), or let `mlflow-sso bootstrap` install it"
}

// API is the Docker client itself, for what this package does not wrap.
func (e *Engine) API() client.APIClient { return e.api }

// Close gives the connections back.
func (e *Engine) Close() error { return e.api.Close() }
