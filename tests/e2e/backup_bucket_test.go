//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
)

// startBucket starts an S3-compatible store where containers reach this host, without TLS, with
// an empty bucket, and returns its origin and the file with its key.
func startBucket(t *testing.T, tool string) (origin, key string) {
	t.Helper()
	address, folder := hostFromContainers(t, openEngine(t)), t.TempDir()
	ports, err := freeport.Ports(1)
	require.NoError(t, err)
	at, secret := net.JoinHostPort(address, strconv.Itoa(ports[0])), newSecret()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "buckets", "snapshots"), 0o700))
	key = filepath.Join(folder, "key")
	require.NoError(t, os.WriteFile(key, []byte(secret), 0o600))
	store := exec.CommandContext(context.WithoutCancel(t.Context()), tool, "--port", at, "--quiet", "posix", filepath.Join(folder, "buckets"))
	store.Env = append(os.Environ(), "ROOT_ACCESS_KEY=E2EKEY", "ROOT_SECRET_KEY="+secret)
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
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp4", at)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, time.Minute, 200*time.Millisecond)
	return "http://" + at, key
}

// One stack, since it takes a minute to start: snapshots go to a bucket, the first one on
// schedule, old ones are removed, and the newest is verified.
func TestSnapshotsInABucketAreScheduledPrunedAndVerified(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	origin, key := startBucket(t, filepath.Join(l.root, "bin", "s3gateway"))
	passphrase := filepath.Join(t.TempDir(), "passphrase")
	require.NoError(t, os.WriteFile(passphrase, []byte("the passphrase of "+l.name), 0o600))
	file, err := os.OpenFile(l.file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(file, "  mlflow-sso:backup:\n    s3: {bucket: snapshots, prefix: of/%s, endpoint: %q, accessKeyID: E2EKEY, secretKeyFile: %s}\n"+
		"    recoveryPassphraseFile: %s\n    keep: {last: 1, daily: 0, weekly: 0, monthly: 0}\n", l.name, origin, key, passphrase)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	l.must(t, "up", "--no-verify")
	list := func() []backup.SnapshotList {
		var listed struct{ Snapshots []backup.SnapshotList }
		require.NoError(t, json.Unmarshal([]byte(l.must(t, "backup", "list", "--output", "json").stdout), &listed))
		return listed.Snapshots
	}
	// Taken by the schedule, not by a command.
	require.Eventually(t, func() bool { return len(list()) == 1 }, 3*time.Minute, 2*time.Second)
	first := list()[0].ID

	require.Eventually(t, func() bool { // 75 says that the other one is not quite done
		got, err := l.run(t.Context(), "backup")
		return err == nil && got.code == 0
	}, 2*time.Minute, 2*time.Second)

	left := list()
	require.Len(t, left, 1, "an old snapshot was not removed")
	require.NotEqual(t, first, left[0].ID)
	l.must(t, "backup", "check")

	var proof backup.Proof
	require.NoError(t, json.Unmarshal([]byte(l.must(t, "backup", "verify", "--output", "json").stdout), &proof))
	require.Equal(t, left[0].ID, proof.Snapshot)
	require.Greater(t, proof.Tables, 100)
	require.Greater(t, proof.Rows, int64(1000))
	require.Empty(t, things(t, l.name+"-proof"), "the stack of the proof is still there")
	require.Contains(t, l.must(t, "backup", "list").stdout, "the last restore was verified")
	l.must(t, "doctor")
}
