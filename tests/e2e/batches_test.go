//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/outputs"
	"github.com/mlflow-sso/mlflow-sso/tests/load"
	"github.com/mlflow-sso/mlflow-sso/tests/runs"
)

// halted is a run that is told a batch, which stands still before its last part: a tag of
// the same name is being written by somebody else, who then gives it up.
type halted struct {
	told       outputs.Stack
	docker     *engine.Engine
	client     *load.Client
	experiment string
	id, name   string
	now        int64
	released   chan struct{}
}

// waiting are those who write into MLflow's database and have to wait for somebody.
const waiting = "FROM pg_stat_activity WHERE datname = 'mlflow' AND usename = 'mlflow' AND wait_event_type = 'Lock'"

func halt(t *testing.T, told outputs.Stack, client *load.Client, experiment, name string) *halted {
	t.Helper()
	h := &halted{
		told: told, docker: openEngine(t), client: client, experiment: experiment, name: name,
		now: time.Now().UnixMilli(), released: make(chan struct{}),
	}
	var err error
	h.id, err = runs.Begin(t.Context(), client, experiment, name, h.now)
	require.NoError(t, err)
	go func() {
		defer close(h.released)
		_, _ = h.docker.Exec(t.Context(), told.Postgres.Container, []string{
			"psql", "--no-psqlrc", "--host=/tmp/postgresql", "--username=postgres", "--dbname=mlflow", "--single-transaction",
			"--command=INSERT INTO tags (key, value, run_uuid) VALUES ('written2', '', '" + h.id + "')",
			"--command=SELECT pg_sleep(20) /* holds a tag */", "--command=this is the end of the transaction",
		})
	}()
	h.until(t, "1", "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%holds a tag%' AND wait_event = 'PgSleep'")
	return h
}

// tell tells the batch, and gives how that will end.
func (h *halted) tell(t *testing.T) <-chan error {
	t.Helper()
	end := make(chan error, 1)
	go func() { end <- runs.Tell(t.Context(), h.client, h.id, h.name, h.now) }()
	return end
}

// until waits for an answer of the database.
func (h *halted) until(t *testing.T, want, query string) {
	t.Helper()
	var got string
	for range 100 {
		if got = inDatabase(t, h.told, h.docker, "mlflow", query); got == want {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: got %s, want %s", query, got, want)
}

// release gives the tag up.
func (h *halted) release(t *testing.T) {
	t.Helper()
	inDatabase(t, h.told, h.docker, "mlflow", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%holds a tag%' AND wait_event = 'PgSleep'")
	<-h.released
}

func (h *halted) found(t *testing.T) runs.Found {
	t.Helper()
	found, err := runs.Look(t.Context(), h.docker, h.told, h.experiment)
	require.NoError(t, err)
	return found[h.name]
}

// What one request tells of a run is in the database as a whole, or not at all: while it is
// written, when the server is cut off in the middle of it, and when two tell the same.
func TestABatchIsThereAsAWholeOrNotAtAll(t *testing.T) {
	told := runningStack(t)
	client := writer(t, told)
	experiment, err := runs.Experiment(t.Context(), client, "told in one piece")
	require.NoError(t, err)

	t.Run("nobody sees a part of it, and two who tell the same are both right", func(t *testing.T) {
		h := halt(t, told, client, experiment, "both")
		first := h.tell(t)
		h.until(t, "1", "SELECT count(*) "+waiting)
		second := h.tell(t)
		h.until(t, "2", "SELECT count(*) "+waiting)
		require.Equal(t, [3]int{}, h.found(t).Told, "params, metrics and tags")
		h.release(t)
		require.NoError(t, <-first)
		require.NoError(t, <-second)
		require.True(t, h.found(t).WholeTold(), h.found(t))
	})

	t.Run("a server that is cut off leaves nothing of it", func(t *testing.T) {
		h := halt(t, told, client, experiment, "cut off")
		end := h.tell(t)
		h.until(t, "1", "SELECT count(*) "+waiting)
		inDatabase(t, told, h.docker, "mlflow", "SELECT pg_terminate_backend(pid) "+waiting)
		var answer *load.AnswerError
		got := <-end
		require.True(t, errors.As(got, &answer), fmt.Sprint(got))
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, "MLflow's client asks again after it: %s", answer.Body)
		require.Equal(t, [3]int{}, h.found(t).Told, "params, metrics and tags")
		h.release(t)
		require.NoError(t, runs.Tell(t.Context(), client, h.id, h.name, h.now))
		require.True(t, h.found(t).WholeTold(), h.found(t))
	})
}
