//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// wheel is clients/python, built once, after its own tests have passed with MLflow.
var wheel struct {
	once    sync.Once
	archive []byte
	said    string
	err     error
}

// installs installs the client, and returns the folder of its packages.
func (s *scientist) installs(t *testing.T) string {
	t.Helper()
	wheel.once.Do(func() {
		wheel.archive, wheel.said, wheel.err = buildClient(t.Context(), s.docker, s.at.deployed.MLflow.Container)
	})
	require.NoError(t, wheel.err, wheel.said)
	require.NoError(t, s.docker.API().CopyToContainer(t.Context(), s.container, "/tmp", bytes.NewReader(wheel.archive), container.CopyToContainerOptions{}))
	// What pip would do for a wheel of plain Python.
	result, err := s.docker.Exec(t.Context(), s.container, []string{"sh", "-c", "python -m zipfile -e /tmp/wheel/*.whl /tmp/packages"})
	require.NoError(t, err)
	require.NoError(t, result.Err())
	return "/tmp/packages"
}

const buildScript = `set -e
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends python3-venv >/dev/null
PATH=/usr/bin:/bin bash /tmp/client/build /tmp/wheel
python -m zipfile -e /tmp/wheel/*.whl /tmp/packages
cd /tmp/client && PYTHONPATH=/tmp/packages python -W ignore -m unittest discover -s tests
`

// buildClient returns the wheel in an archive, and the output.
func buildClient(ctx context.Context, docker *engine.Engine, mlflow string) (archive []byte, said string, err error) {
	api := docker.API()
	server, err := api.ContainerInspect(ctx, mlflow)
	if err != nil {
		return nil, "", err
	}
	source, err := tree("../../clients/python", "client")
	if err != nil {
		return nil, "", err
	}
	made, err := api.ContainerCreate(ctx, &container.Config{Image: server.Image, User: "root", Entrypoint: []string{"sh", "-c", buildScript}},
		&container.HostConfig{NetworkMode: "host"}, nil, nil, "")
	if err != nil {
		return nil, "", err
	}
	defer func() {
		_ = api.ContainerRemove(context.WithoutCancel(ctx), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}()
	if err := api.CopyToContainer(ctx, made.ID, "/tmp", source, container.CopyToContainerOptions{}); err != nil {
		return nil, "", err
	}
	ended, failed := api.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
	if err := api.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return nil, "", err
	}
	var end container.WaitResponse
	select {
	case err := <-failed:
		return nil, "", err
	case end = <-ended:
	}
	logs, err := api.ContainerLogs(ctx, made.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = logs.Close() }()
	var text bytes.Buffer
	if _, err := stdcopy.StdCopy(&text, &text, logs); err != nil {
		return nil, "", err
	}
	if end.StatusCode != 0 || !strings.Contains(text.String(), "\nOK\n") {
		return nil, text.String(), fmt.Errorf("the client was not built, or a test of it failed: exit code %d", end.StatusCode)
	}
	copied, _, err := api.CopyFromContainer(ctx, made.ID, "/tmp/wheel")
	if err != nil {
		return nil, text.String(), err
	}
	defer func() { _ = copied.Close() }()
	archive, err = io.ReadAll(copied)
	return archive, text.String(), err
}

// tree is a folder with its content as an archive, under another name.
func tree(from, to string) (*bytes.Buffer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: to + "/" + filepath.ToSlash(name), Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err == nil {
		err = w.Close()
	}
	return &archive, err
}
