//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/runlog"
)

// keepingLab is a lab with a service account and with snapshots in a folder, on demand
// alone; and the folder.
func keepingLab(t *testing.T, env ...string) (*lab, string) {
	t.Helper()
	l := ownLab(t, env...)
	return l, keepSnapshots(t, l)
}

// keepSnapshots adds a repository and the service account ci to a stack file, and returns the folder of
// the repository and its recovery passphrase.
func keepSnapshots(t *testing.T, l *lab) string {
	t.Helper()
	repository, passphrase := makeRepository(t, l)
	file, err := os.OpenFile(l.file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(file, "  mlflow-sso:backup:\n    directory: %s\n    recoveryPassphraseFile: %s\n    interval: 0s\n"+
		"  mlflow-sso:serviceAccounts:\n    - {name: ci, groups: [mlflow-users]}\n", repository, passphrase)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return filepath.Dir(repository)
}

// makeRepository makes a folder for snapshots, and a file beside it with a recovery passphrase.
func makeRepository(t *testing.T, l *lab) (repository, passphrase string) {
	t.Helper()
	folder := t.TempDir()
	repository, passphrase = filepath.Join(folder, "snapshots"), filepath.Join(folder, "passphrase")
	require.NoError(t, os.Mkdir(repository, 0o700))
	require.NoError(t, os.Chown(repository, 10073, 10073))
	require.NoError(t, os.WriteFile(passphrase, []byte("the passphrase of "+l.name), 0o600))
	return repository, passphrase
}

// writers write runs, several concurrently, until they are stopped.
type writers struct {
	client     *loadgen.Client
	experiment string
	stop       atomic.Bool
	group      sync.WaitGroup

	lock sync.Mutex
	// acknowledged are the runs whose last write was acknowledged, by name.
	acknowledged map[string]runlog.Run
	err          error
}

func startWriters(t *testing.T, deployed outputs.Stack, many int) *writers {
	t.Helper()
	w := &writers{client: writer(t, deployed), acknowledged: map[string]runlog.Run{}}
	var err error
	w.experiment, err = runlog.Experiment(t.Context(), w.client, "written while a snapshot is taken")
	require.NoError(t, err)
	for i := range many {
		w.group.Go(func() {
			for n := 0; !w.stop.Load(); n++ {
				run := runlog.Write(t.Context(), w.client, w.experiment, fmt.Sprintf("%d-%d", i, n), nil)
				w.lock.Lock()
				if run.Err != nil {
					w.err = run.Err
				} else {
					w.acknowledged[run.Name] = run
				}
				w.lock.Unlock()
				if run.Err != nil {
					return
				}
			}
		})
	}
	t.Cleanup(func() { w.stop.Store(true); w.group.Wait() })
	return w
}

// writer is the client of a member who has just logged in.
func writer(t *testing.T, deployed outputs.Stack) *loadgen.Client {
	t.Helper()
	visit := scenario.New(deployed, openEngine(t))
	require.NoError(t, visit.SetUp(t.Context()))
	who, err := visit.Add(t.Context(), "writer", deployed.Realm.UserGroup)
	require.NoError(t, err)
	require.NoError(t, visit.SignIn(t.Context(), who))
	token, err := visit.Token(t.Context(), who)
	require.NoError(t, err)
	client := loadgen.Open(loadgen.Server{URL: deployed.MLflow.URL, Header: http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}})
	t.Cleanup(client.Close)
	return client
}

// upTo returns the acknowledged runs, once there are that many.
func (w *writers) upTo(t *testing.T, many int) map[string]runlog.Run {
	t.Helper()
	deadline := time.Now().Add(15 * time.Minute)
	for {
		w.lock.Lock()
		seen, err := maps.Clone(w.acknowledged), w.err
		w.lock.Unlock()
		require.NoError(t, err)
		if len(seen) >= many {
			return seen
		}
		require.True(t, time.Now().Before(deadline), "%d runs were written in time, want %d", len(seen), many)
		time.Sleep(100 * time.Millisecond)
	}
}

// requireWrittenRuns requires that each acknowledged run is complete, and that other runs contain
// no partial request. It returns their number.
func requireWrittenRuns(t *testing.T, deployed outputs.Stack, experiment string, acknowledged map[string]runlog.Run) int {
	t.Helper()
	found, err := runlog.Look(t.Context(), openEngine(t), deployed, experiment)
	require.NoError(t, err)
	for name, run := range acknowledged {
		require.False(t, run.Lost(found), "run %s was acknowledged before the snapshot began: %s", name, found[name])
	}
	for name, f := range found {
		require.False(t, f.Half() || f.PartlyLogged(), "run %s is half there: %s", name, f)
	}
	return len(found)
}

// Disaster recovery. Runs are written while the snapshot is taken; then the machine is lost: the
// stack, its data, its state and its passphrase. The repository, the stack file and the recovery
// passphrase remain.
func TestAStackIsRestoredOnANewMachineWithAllThatWasAcknowledgedAndNothingHalf(t *testing.T) {
	before := 300
	if allTests {
		before = 2000
	}
	l, folder := keepingLab(t)
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)

	w := startWriters(t, deployed, 8)
	acknowledged := w.upTo(t, before)
	l.must(t, "backup")
	during := len(w.upTo(t, 0)) - len(acknowledged)
	w.stop.Store(true)
	w.group.Wait()
	require.NoError(t, w.err)
	t.Logf("%d runs were acknowledged before the snapshot began, %d while it was taken", len(acknowledged), during)
	require.Positive(t, during, "nothing was written while the snapshot was taken: this test tests nothing")

	requireRefusedOver(t, l, deployed)
	requireReaderRefuses(t, l, folder)

	l.must(t, "destroy", "--delete-data", "--yes")
	require.Empty(t, things(t, l.name))
	newMachine(t, l)
	requireNothingIsMadeWithAWrongPassphrase(t, l, folder)

	got := l.must(t, "restore")

	require.Regexp(t, allPassed, got.stdout)
	require.Contains(t, got.stdout, "all as they were")
	deployed, err = l.outputs(t.Context())
	require.NoError(t, err)
	restored := requireWrittenRuns(t, deployed, w.experiment, acknowledged)
	t.Logf("%d runs are there again: %s", restored, strings.TrimSpace(got.stdout[strings.LastIndex(got.stdout, "\nSnapshot"):]))
	require.GreaterOrEqual(t, restored, len(acknowledged))

	// It continues in the same repository, with the same key.
	l.must(t, "backup")
	var list struct{ Snapshots []backup.SnapshotList }
	require.NoError(t, json.Unmarshal([]byte(l.must(t, "backup", "list", "--output", "json").stdout), &list))
	require.Len(t, list.Snapshots, 2)
}

// newMachine gives the lab an empty state of its own, with another passphrase.
func newMachine(t *testing.T, l *lab) {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(state, 0o700))
	l.env = append(l.env, "PULUMI_BACKEND_URL=file://"+state+"?metadata=skip", "PULUMI_CONFIG_PASSPHRASE=that of another machine")
}

// requireRefusedOver requires that an existing stack is not touched.
func requireRefusedOver(t *testing.T, l *lab, deployed outputs.Stack) {
	t.Helper()
	was := things(t, deployed.Deployment)
	got, err := l.run(t.Context(), "restore")
	require.NoError(t, err)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "a restore deletes nothing")
	for kind, names := range things(t, deployed.Deployment) {
		require.ElementsMatch(t, was[kind], names, kind)
	}
}

// requireNothingIsMadeWithAWrongPassphrase requires that a refused restore leaves nothing.
func requireNothingIsMadeWithAWrongPassphrase(t *testing.T, l *lab, folder string) {
	t.Helper()
	passphrase := filepath.Join(folder, "passphrase")
	right, err := os.ReadFile(passphrase)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(passphrase, []byte("encrypted with an earlier passphrase"), 0o600))
	got, err := l.run(t.Context(), "restore")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(passphrase, right, 0o600))
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "wrong key")
	require.NotContains(t, got.stderr, "encrypted with an earlier passphrase")
	require.Empty(t, things(t, l.name), "something was made")
}

// requireReaderRefuses requires that the first checks of a restore refuse a snapshot of another
// stack, and a damaged one.
func requireReaderRefuses(t *testing.T, l *lab, folder string) {
	t.Helper()
	docker := openEngine(t)
	seen, err := docker.API().ContainerInspect(t.Context(), l.name+"-backup")
	require.NoError(t, err)
	settings, err := stack.Settings(l.root, l.name, l.file)
	require.NoError(t, err)
	set := settings.Backup
	open := func() *backup.Reader {
		reader, err := backup.OpenReader(t.Context(), docker, seen.Image, l.name, set, "")
		require.NoError(t, err)
		return reader
	}
	reader := open()
	chosen, err := reader.Choose(t.Context(), l.name, "latest")
	require.NoError(t, err)
	require.NoError(t, reader.Verify(t.Context(), chosen.ID))
	_, err = reader.Choose(t.Context(), "another-stack", "latest")
	require.ErrorContains(t, err, "it has those of: "+l.name)
	_, err = reader.Choose(t.Context(), l.name, "0000beef")
	require.ErrorContains(t, err, "has no snapshot 0000beef")
	_, err = backup.Unseal(chosen.Sealed, "encrypted with an earlier passphrase", chosen.Manifest.Identity)
	require.ErrorContains(t, err, "encrypted with an earlier passphrase")
	require.NoError(t, reader.Close())

	// One byte of the largest pack.
	var largest string
	var size int64
	require.NoError(t, filepath.Walk(filepath.Join(folder, "snapshots", "data"), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Size() > size {
			largest, size = path, info.Size()
		}
		return err
	}))
	content, err := os.ReadFile(largest)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(largest, 0o600))
	content[size/3] ^= 1
	require.NoError(t, os.WriteFile(largest, content, 0o600))
	reader = open()
	err = reader.Verify(t.Context(), chosen.ID)
	require.NoError(t, reader.Close())
	content[size/3] ^= 1
	require.NoError(t, os.WriteFile(largest, content, 0o600))
	require.ErrorContains(t, err, "damaged")
	checked, err := l.run(t.Context(), "backup", "check", "--data")
	require.NoError(t, err)
	require.Zero(t, checked.code, checked.stderr)
}
