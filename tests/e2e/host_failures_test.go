//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// refused runs up and demands that it fails with one clear error.
func refused(t *testing.T, l *lab, words ...string) {
	t.Helper()
	got, err := l.run(t.Context(), "up", "--no-verify")
	require.NoError(t, err)
	require.Equal(t, 1, got.code, got.stderr)
	for _, word := range words {
		require.Contains(t, got.stderr, word)
	}
	t.Log(got.stderr)
}

func TestAPortInUseIsReportedBeforeAnythingIsCreated(t *testing.T) {
	l := ownLab(t)
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", l.keycloak))
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()

	refused(t, l, fmt.Sprintf("port %d", l.keycloak), "keycloak.port", "publicURL")

	require.Empty(t, things(t, l.name))
}

func TestTheStackThatHoldsAPortIsNamed(t *testing.T) {
	other := sharedLab(t)
	l := ownLab(t)
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	moved := bytes.ReplaceAll(text, fmt.Append(nil, l.mlflow), fmt.Append(nil, other.mlflow))
	require.NoError(t, os.WriteFile(l.file, moved, 0o600))

	refused(t, l, other.name+"-mlflow", "mlflow.port")

	require.Empty(t, things(t, l.name))
}

func TestAMissingDaemonIsNamed(t *testing.T) {
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	l.env = []string{"DOCKER_HOST=unix://" + filepath.Join(t.TempDir(), "docker.sock")}

	refused(t, l, "docker.sock", "DOCKER_HOST")
}

func TestAWrongPassphraseIsNamedAndHarmsNothing(t *testing.T) {
	l := *sharedLab(t)
	l.env = []string{"PULUMI_CONFIG_PASSPHRASE=not the passphrase"}

	refused(t, &l, "passphrase", "PULUMI_CONFIG_PASSPHRASE")

	l.env = nil
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
}

func TestAFullDiskIsReportedBeforeAnythingIsCreatedAndUpWorksWhenThereIsSpace(t *testing.T) {
	nightly(t)
	state := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", state, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(state, unix.MNT_DETACH)) })
	l := ownLab(t, "PULUMI_BACKEND_URL=file://"+state)

	refused(t, l, "the disk is full", state)

	require.Empty(t, things(t, l.name))
	require.NoError(t, unix.Mount("tmpfs", state, "tmpfs", unix.MS_REMOUNT, "size=64m"))
	l.must(t, "up", "--no-verify")
}
