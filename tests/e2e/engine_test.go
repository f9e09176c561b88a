//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// baseImage is any image with a shell.
func baseImage() string {
	if image := os.Getenv("MLFLOW_SSO_E2E_BASE_IMAGE"); image != "" {
		return image
	}
	return "mlflow-sso/base:trixie"
}

// sleeper starts a container that does nothing for two minutes.
func sleeper(t *testing.T, docker *engine.Engine) string {
	t.Helper()
	name := fmt.Sprintf("e2e-engine-%d", time.Now().UnixNano())
	created, err := docker.API().ContainerCreate(t.Context(),
		&container.Config{Image: baseImage(), Cmd: []string{"sleep", "120"}},
		&container.HostConfig{NetworkMode: "none", AutoRemove: true}, nil, nil, name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = docker.API().ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	require.NoError(t, docker.API().ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	return name
}

func openEngine(t *testing.T) *engine.Engine {
	t.Helper()
	docker, err := engine.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = docker.Close() })
	return docker
}

func TestExecSeparatesTheStreamsAndReturnsTheExitCode(t *testing.T) {
	docker := openEngine(t)
	name := sleeper(t, docker)

	got, err := docker.Exec(t.Context(), name, []string{"sh", "-c", "echo out; echo err >&2; exit 7"})

	require.NoError(t, err)
	require.Equal(t, engine.Result{Stdout: "out\n", Stderr: "err\n", ExitCode: 7}, got)
}

func TestExecFeedsStandardInputToItsEnd(t *testing.T) {
	docker := openEngine(t)
	name := sleeper(t, docker)

	got, err := docker.Exec(t.Context(), name, []string{"wc", "-c"}, engine.Stdin(strings.NewReader(strings.Repeat("x", 300_000))))

	require.NoError(t, err)
	require.Equal(t, "300000\n", got.Stdout)
}

func TestExecStopsWaitingWhenItsContextEnds(t *testing.T) {
	docker := openEngine(t)
	name := sleeper(t, docker)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()

	began := time.Now()
	_, err := docker.Exec(ctx, name, []string{"sleep", "30"})

	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestExecDistinguishesAMissingContainerFromAStoppedOne(t *testing.T) {
	docker := openEngine(t)
	created, err := docker.API().ContainerCreate(t.Context(),
		&container.Config{Image: baseImage(), Cmd: []string{"true"}}, nil, nil, nil,
		fmt.Sprintf("e2e-engine-stopped-%d", time.Now().UnixNano()))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = docker.API().ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})

	_, err = docker.Exec(t.Context(), created.ID, []string{"true"})
	require.ErrorIs(t, err, engine.ErrNotRunning)

	_, err = docker.Exec(t.Context(), "e2e-engine-never-made", []string{"true"})
	require.ErrorIs(t, err, engine.ErrNoContainer)
	_, err = docker.State(t.Context(), "e2e-engine-never-made")
	require.ErrorIs(t, err, engine.ErrNoContainer)
}
