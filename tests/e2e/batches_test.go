//go:build e2e

package e2e

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/runlog"
)

// halted is a run that gets a batch, which blocks before its last part: another transaction
// writes a tag with the same name, and then rolls back.
type halted struct {
	deployed   outputs.Stack
	docker     *engine.Engine
	client     *loadgen.Client
	experiment string
	id, name   string
	now        int64
	released   chan struct{}
}

// The transaction that holds the tag, and the writers that wait in MLflow's database.
const (
	holder  = "FROM pg_stat_activity WHERE query LIKE '%holds a tag%' AND wait_event = 'PgSleep'"
	waiting = "FROM pg_stat_activity WHERE datname = 'mlflow' AND usename = 'mlflow' AND wait_event_type = 'Lock'"
)

func halt(t *testing.T, deployed outputs.Stack, client *loadgen.Client, experiment, name string) *halted {
	t.Helper()
	h := &halted{
		deployed: deployed, docker: openEngine(t), client: client, experiment: experiment, name: name,
		now: time.Now().UnixMilli(), released: make(chan struct{}),
	}
	var err error
	h.id, err = runlog.Begin(t.Context(), client, experiment, name, h.now)
	require.NoError(t, err)
	go func() {
		defer close(h.released)
		// Its transaction ends with its connection and is rolled back.
		_, _ = h.docker.Exec(t.Context(), deployed.Postgres.Container, []string{
			"psql", "--no-psqlrc", "--host=/tmp/postgresql", "--username=postgres", "--dbname=mlflow", "--command=BEGIN",
			"--command=INSERT INTO tags (key, value, run_uuid) VALUES ('written2', '', '" + h.id + "')",
			"--command=SELECT pg_sleep(20) /* holds a tag */",
		})
	}()
	h.until(t, 1, holder)
	return h
}

// logBatch sends the batch and returns its result.
func (h *halted) logBatch(t *testing.T) <-chan error {
	t.Helper()
	end := make(chan error, 1)
	go func() { end <- runlog.LogBatch(t.Context(), h.client, h.id, h.name, h.now) }()
	return end
}

// until waits until that many transactions hold the tag, or wait.
func (h *halted) until(t *testing.T, want int, those string) {
	t.Helper()
	var got string
	for range 100 {
		if got = inDatabase(t, h.deployed, h.docker, "mlflow", "SELECT count(*) "+those); got == strconv.Itoa(want) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: got %s, want %d", those, got, want)
}

// cut ends the connections of transactions that hold the tag, or wait.
func (h *halted) cut(t *testing.T, those string) {
	t.Helper()
	inDatabase(t, h.deployed, h.docker, "mlflow", "SELECT pg_terminate_backend(pid) "+those)
}

// release releases the tag.
func (h *halted) release(t *testing.T) {
	t.Helper()
	h.cut(t, holder)
	<-h.released
}

func (h *halted) found(t *testing.T) runlog.Found {
	t.Helper()
	found, err := runlog.Look(t.Context(), h.docker, h.deployed, h.experiment)
	require.NoError(t, err)
	return found[h.name]
}

// A request that logs to a run is stored completely or not at all: while it is written, when the
// server is interrupted in the middle, and when two log the same.
func TestABatchIsStoredCompletelyOrNotAtAll(t *testing.T) {
	deployed := runningStack(t)
	client := writer(t, deployed)
	experiment, err := runlog.Experiment(t.Context(), client, "logged in one piece")
	require.NoError(t, err)

	t.Run("no reader sees a part of it, and two identical writes both succeed", func(t *testing.T) {
		h := halt(t, deployed, client, experiment, "both")
		first := h.logBatch(t)
		h.until(t, 1, waiting)
		second := h.logBatch(t)
		h.until(t, 2, waiting)
		require.Equal(t, [3]int{}, h.found(t).Logged, "params, metrics and tags")
		h.release(t)
		require.NoError(t, <-first)
		require.NoError(t, <-second)
		require.True(t, h.found(t).FullyLogged(), h.found(t))
	})

	t.Run("a server that is cut off leaves nothing of it", func(t *testing.T) {
		h := halt(t, deployed, client, experiment, "cut off")
		end := h.logBatch(t)
		h.until(t, 1, waiting)
		h.cut(t, waiting)
		var answer *loadgen.AnswerError
		require.ErrorAs(t, <-end, &answer)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, "MLflow's client asks again after it: %s", answer.Body)
		require.Equal(t, [3]int{}, h.found(t).Logged, "params, metrics and tags")
		h.release(t)
		require.NoError(t, runlog.LogBatch(t.Context(), client, h.id, h.name, h.now))
		require.True(t, h.found(t).FullyLogged(), h.found(t))
	})
}
