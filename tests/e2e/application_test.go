//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/stretchr/testify/require"
)

// The tests of tests/application run with the packages in the image.
func TestTheApplicationInMLflowsImagePassesItsTests(t *testing.T) {
	deployed, docker := runningStack(t), openEngine(t)
	api := docker.API()
	running, err := api.ContainerInspect(t.Context(), deployed.MLflow.Container)
	require.NoError(t, err)
	created, err := api.ContainerCreate(t.Context(), &container.Config{
		Image: running.Image, Entrypoint: []string{"python", "-m", "unittest"}, WorkingDir: "/tmp/python", Env: []string{"NO_PROXY=127.0.0.1"},
	}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, api.ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	})
	require.NoError(t, api.CopyToContainer(t.Context(), created.ID, "/tmp", folder(t, "../application", "python/tests"), container.CopyToContainerOptions{}))
	ended, failed := api.ContainerWait(t.Context(), created.ID, container.WaitConditionNextExit)
	require.NoError(t, api.ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	select {
	case err := <-failed:
		require.NoError(t, err)
	case end := <-ended:
		logs, err := api.ContainerLogs(t.Context(), created.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
		require.NoError(t, err)
		defer func() { _ = logs.Close() }()
		var said bytes.Buffer
		_, err = stdcopy.StdCopy(&said, &said, logs)
		require.NoError(t, err)
		require.Zero(t, end.StatusCode, said.String())
		require.Regexp(t, `Ran [1-9]\d+ tests`, said.String())
	}
}

// folder is the files of a folder as an archive, under another name.
func folder(t *testing.T, from, to string) *bytes.Buffer {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, entry.Name()))
		require.NoError(t, err)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: to + "/" + entry.Name(), Mode: 0o644, Size: int64(len(content))}))
		_, err = w.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return &archive
}
