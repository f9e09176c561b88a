//go:build chaos

package chaos

import (
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"
)

// faults are the rows of the table, in order.
func faults() []fault {
	const byDocker, started = "Docker starts it again", "`docker start`"
	data, artifacts := &smallDisk{volume: "postgres-data", owner: "postgres"}, &smallDisk{volume: "mlflow-artifacts", owner: "mlflow"}
	return []fault{
		{name: "Redis is killed", ends: byDocker, unharmed: kinds, again: []string{"redis"}, happen: kill("redis")},
		{name: "identity sync is killed", ends: byDocker, unharmed: kinds, again: []string{"keeper"}, happen: kill("keeper")},
		{name: "the backup container is killed", ends: byDocker, unharmed: kinds, again: []string{"backup"}, happen: kill("backup")},
		{name: "Postgres is killed", ends: byDocker, again: []string{"postgres"}, happen: kill("postgres")},
		{name: "MLflow is killed", ends: byDocker, again: []string{"mlflow"}, happen: kill("mlflow")},
		{name: "Keycloak is killed", ends: byDocker, unharmed: working, again: []string{"keycloak"}, happen: kill("keycloak")},
		{name: "the edge is killed", ends: byDocker, again: []string{"edge"}, happen: kill("edge")},
		{name: "Redis is stopped for a minute", ends: started, unharmed: kinds, happen: stop("redis", redisAway)},
		{name: "the disk of Postgres is full", ends: "space is freed", again: []string{"postgres?"}, prepare: data.under, happen: data.fill, clear: data.away},
		{name: "the disk of artifacts is full", ends: "space is freed", prepare: artifacts.under, happen: artifacts.fill, clear: artifacts.away},
		{name: "Keycloak is stopped for ten minutes", ends: started, unharmed: working, happen: stop("keycloak", keycloakAway)},
		{name: "`up` rotates credentials, and is killed at each container that it replaces", ends: "the next `up`", happen: killedUpdates},
		{name: daemonFault, ends: "`mlflow-sso bootstrap`, then Docker starts all", again: anyOf, happen: killDaemon},
	}
}

// working are users who are already logged in.
var working = []string{scripts, sessions}

// anyOf stands for all containers.
var anyOf = []string{"any"}

// kill kills the first process of a container from outside, as an unexpected failure. Docker
// treats `docker kill` as intentional, and does not restart the container then.
func kill(component string) func(*ward) {
	return func(w *ward) {
		seen, err := w.docker.API().ContainerInspect(w.Context(), w.container(component))
		require.NoError(w, err)
		require.Positive(w, seen.State.Pid)
		require.NoError(w, syscall.Kill(seen.State.Pid, syscall.SIGKILL))
	}
}

// stop stops a container for a time.
func stop(component string, away *time.Duration) func(*ward) {
	return func(w *ward) {
		require.NoError(w, w.docker.API().ContainerStop(w.Context(), w.container(component), container.StopOptions{}))
		time.Sleep(*away)
		require.NoError(w, w.docker.API().ContainerStart(w.Context(), w.container(component), container.StartOptions{}))
	}
}
