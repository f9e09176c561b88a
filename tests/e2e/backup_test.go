//go:build e2e

package e2e

import (
	"context"
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

	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/verify"
	"github.com/mlflow-sso/mlflow-sso/tests/load"
)

// keepingLab is a lab with a service account and with snapshots in a folder, on demand
// alone; and the folder.
func keepingLab(t *testing.T, env ...string) (*lab, string) {
	t.Helper()
	l := ownLab(t, env...)
	folder := t.TempDir()
	repository, passphrase := filepath.Join(folder, "snapshots"), filepath.Join(folder, "passphrase")
	require.NoError(t, os.Mkdir(repository, 0o700))
	require.NoError(t, os.Chown(repository, 10073, 10073))
	require.NoError(t, os.WriteFile(passphrase, []byte("the passphrase of "+l.name), 0o600))
	file, err := os.OpenFile(l.file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(file, "  mlflow-sso:backup:\n    directory: %s\n    recoveryPassphraseFile: %s\n    every: 0s\n"+
		"  mlflow-sso:serviceAccounts:\n    - {name: ci, groups: [mlflow-users]}\n", repository, passphrase)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return l, folder
}

// What each run of a writer has.
const (
	paramsEach  = 10
	metricsEach = 20
	tagsEach    = 3
)

// writers write runs, several at a time, until they are told to stop.
type writers struct {
	client     *load.Client
	experiment string
	stop       atomic.Bool
	group      sync.WaitGroup

	lock sync.Mutex
	// acknowledged are the runs of which the last write was answered, and the content
	// of the artifact of each.
	acknowledged map[string]string
	err          error
}

func startWriters(t *testing.T, told outputs.Stack, many int) *writers {
	t.Helper()
	visit := verify.NewVisit(told, openEngine(t))
	require.NoError(t, visit.Arrive(t.Context()))
	who, err := visit.Add(t.Context(), "writer", told.Realm.UserGroup)
	require.NoError(t, err)
	require.NoError(t, visit.SignIn(t.Context(), who))
	token, err := visit.Token(t.Context(), who)
	require.NoError(t, err)
	w := &writers{
		client:       load.Open(load.Server{URL: told.MLflow.URL, Header: http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}}),
		acknowledged: map[string]string{},
	}
	var made struct {
		ID string `json:"experiment_id"`
	}
	require.NoError(t, w.ask(t.Context(), "experiments/create", map[string]any{"name": "written while a snapshot is taken"}, &made))
	w.experiment = made.ID
	for i := range many {
		w.group.Go(func() {
			for n := 0; !w.stop.Load(); n++ {
				if err := w.write(t.Context(), fmt.Sprintf("%d-%d", i, n)); err != nil {
					w.lock.Lock()
					w.err = err
					w.lock.Unlock()
					return
				}
			}
		})
	}
	t.Cleanup(func() { w.stop.Store(true); w.group.Wait(); w.client.Close() })
	return w
}

func (w *writers) ask(ctx context.Context, call string, body map[string]any, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return w.client.Do(ctx, http.MethodPost, "/api/2.0/mlflow/"+call, encoded, into)
}

// write makes one run as a training does: it is made, told a batch, given a file, ended.
func (w *writers) write(ctx context.Context, name string) error {
	var made struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	now := time.Now().UnixMilli()
	if err := w.ask(ctx, "runs/create", map[string]any{"experiment_id": w.experiment, "start_time": now, "run_name": name}, &made); err != nil {
		return err
	}
	id := made.Run.Info.ID
	var params, metrics, tags []map[string]any
	for i := range paramsEach {
		params = append(params, map[string]any{"key": fmt.Sprintf("p%d", i), "value": name})
	}
	for i := range metricsEach {
		metrics = append(metrics, map[string]any{"key": "loss", "value": float64(i), "timestamp": now, "step": i})
	}
	for i := range tagsEach {
		tags = append(tags, map[string]any{"key": fmt.Sprintf("written%d", i), "value": name})
	}
	if err := w.ask(ctx, "runs/log-batch", map[string]any{"run_id": id, "params": params, "metrics": metrics, "tags": tags}, nil); err != nil {
		return err
	}
	content := "artifact of " + name
	path := fmt.Sprintf("/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/note.txt", w.experiment, id)
	if err := w.client.Do(ctx, http.MethodPut, path, []byte(content), nil); err != nil {
		return err
	}
	if err := w.ask(ctx, "runs/update", map[string]any{"run_id": id, "status": "FINISHED", "end_time": now}, nil); err != nil {
		return err
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	w.acknowledged[id] = content
	return nil
}

// upTo are the runs that are acknowledged now, once there are so many.
func (w *writers) upTo(t *testing.T, many int) map[string]string {
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

// requireWrittenRuns demands that each run that was acknowledged is whole, and that of no
// other a part of what was written in one piece is there. It returns how many there are.
func requireWrittenRuns(t *testing.T, told outputs.Stack, experiment string, acknowledged map[string]string) int {
	t.Helper()
	docker := openEngine(t)
	ask := func(container string, command ...string) string {
		got, err := docker.Exec(t.Context(), container, command)
		require.NoError(t, err)
		require.NoError(t, got.Err())
		return got.Stdout
	}
	// The content of each file behind its path, a line each.
	files := map[string]string{}
	for line := range strings.Lines(ask(told.MLflow.Container, "sh", "-c", `cd /mlflow/artifacts/"$0" && grep -r "" .`, experiment)) {
		path, content, _ := strings.Cut(strings.TrimSpace(line), ":")
		files[strings.Split(path, "/")[1]] = content
	}
	rows := ask(told.Postgres.Container, "psql", "--no-psqlrc", "--host=/tmp/postgresql", "--username=postgres", "--dbname=mlflow", "--no-align", "--tuples-only",
		"--command=SELECT r.run_uuid, r.status, (SELECT count(*) FROM params p WHERE p.run_uuid = r.run_uuid), (SELECT count(*) FROM metrics m WHERE m.run_uuid = r.run_uuid),"+
			" (SELECT count(*) FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key LIKE 'written%') FROM runs r WHERE r.experiment_id = "+experiment)
	whole := fmt.Sprintf("FINISHED|%d|%d|%d", paramsEach, metricsEach, tagsEach)
	found := map[string]bool{}
	for line := range strings.Lines(rows) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), "|")
		found[id] = true
		if content, is := acknowledged[id]; is {
			require.Equal(t, whole, rest, "run %s was acknowledged before the snapshot began", id)
			require.Equal(t, content, files[id], "run %s was acknowledged before the snapshot began", id)
		}
		parts := strings.Split(rest, "|")
		if parts[0] == "FINISHED" {
			require.Equal(t, whole, rest, "run %s had ended", id)
			require.NotEmpty(t, files[id], "run %s had ended", id)
			continue
		}
		for i, full := range []int{paramsEach, metricsEach, tagsEach} {
			require.Contains(t, []string{"0", fmt.Sprint(full)}, parts[i+1], "run %s is half there: %s", id, rest)
		}
	}
	for id := range acknowledged {
		require.True(t, found[id], "run %s was acknowledged before the snapshot began, and is lost", id)
	}
	return len(found)
}

// The night call. Runs are written all the while the snapshot is taken; then the machine is
// gone: the stack, its data, its state and the passphrase of that. What is left is the
// repository, the stack file and the recovery passphrase.
func TestAStackIsRestoredOnANewMachineWithAllThatWasAcknowledgedAndNothingHalf(t *testing.T) {
	const before = 2000
	l, folder := keepingLab(t)
	l.must(t, "up", "--no-verify")
	told, err := l.outputs(t.Context())
	require.NoError(t, err)

	w := startWriters(t, told, 8)
	acknowledged := w.upTo(t, before)
	l.must(t, "backup")
	during := len(w.upTo(t, 0)) - len(acknowledged)
	w.stop.Store(true)
	w.group.Wait()
	require.NoError(t, w.err)
	t.Logf("%d runs were acknowledged before the snapshot began, %d while it was taken", len(acknowledged), during)
	require.Positive(t, during, "nothing was written while the snapshot was taken: this test tests nothing")

	requireRefusedOver(t, l, told)
	requireReaderRefuses(t, l, folder)

	l.must(t, "destroy", "--data", "--yes")
	require.Empty(t, things(t, l.name))
	newMachine(t, l)
	requireNothingIsMadeWithAWrongPassphrase(t, l, folder)

	got := l.must(t, "restore")

	require.Regexp(t, allPassed, got.stdout)
	require.Contains(t, got.stdout, "all as they were")
	told, err = l.outputs(t.Context())
	require.NoError(t, err)
	runs := requireWrittenRuns(t, told, w.experiment, acknowledged)
	t.Logf("%d runs are there again: %s", runs, strings.TrimSpace(got.stdout[strings.LastIndex(got.stdout, "\nSnapshot"):]))
	require.GreaterOrEqual(t, runs, len(acknowledged))

	// It goes on where the old one was: the same repository, with the same key.
	l.must(t, "backup")
	var list struct{ Snapshots []backup.Listed }
	require.NoError(t, json.Unmarshal([]byte(l.must(t, "backup", "list", "--output", "json").stdout), &list))
	require.Len(t, list.Snapshots, 2)
}

// newMachine gives the lab a state of its own, which is empty, with another passphrase.
func newMachine(t *testing.T, l *lab) {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(state, 0o700))
	l.env = append(l.env, "PULUMI_BACKEND_URL=file://"+state+"?metadata=skip", "PULUMI_CONFIG_PASSPHRASE=that of another machine")
}

// requireRefusedOver demands that a stack that is there is left alone.
func requireRefusedOver(t *testing.T, l *lab, told outputs.Stack) {
	t.Helper()
	was := things(t, told.Deployment)
	got, err := l.run(t.Context(), "restore")
	require.NoError(t, err)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "a restore removes nothing")
	for kind, names := range things(t, told.Deployment) {
		require.ElementsMatch(t, was[kind], names, kind)
	}
}

// requireNothingIsMadeWithAWrongPassphrase demands that a refused restore leaves nothing.
func requireNothingIsMadeWithAWrongPassphrase(t *testing.T, l *lab, folder string) {
	t.Helper()
	passphrase := filepath.Join(folder, "passphrase")
	right, err := os.ReadFile(passphrase)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(passphrase, []byte("another passphrase than that"), 0o600))
	got, err := l.run(t.Context(), "restore")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(passphrase, right, 0o600))
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "wrong key")
	require.NotContains(t, got.stderr, "another passphrase than that")
	require.Empty(t, things(t, l.name), "something was made")
}

// requireReaderRefuses demands that a snapshot of another stack, and one that is damaged, are
// refused by what a restore asks first.
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
	require.NoError(t, reader.Whole(t.Context(), chosen.ID))
	_, err = reader.Choose(t.Context(), "another-stack", "latest")
	require.ErrorContains(t, err, "it has those of: "+l.name)
	_, err = reader.Choose(t.Context(), l.name, "0000beef")
	require.ErrorContains(t, err, "has no snapshot 0000beef")
	_, err = backup.Unseal(chosen.Sealed, "another passphrase than that", chosen.Manifest.Identity)
	require.ErrorContains(t, err, "before the passphrase was changed")
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
	err = reader.Whole(t.Context(), chosen.ID)
	require.NoError(t, reader.Close())
	content[size/3] ^= 1
	require.NoError(t, os.WriteFile(largest, content, 0o600))
	require.ErrorContains(t, err, "damaged")
	checked, err := l.run(t.Context(), "backup", "check", "--data")
	require.NoError(t, err)
	require.Zero(t, checked.code, checked.stderr)
}
