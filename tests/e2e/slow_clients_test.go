//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
)

const (
	stuckClients = 40       // more than the server has threads
	artifactSize = 60 << 20 // bytes, far more than the buffers on the way
	stuckFor     = 10 * time.Second
	// oneCall is the time limit of one tracking call. On a busy machine it takes a second; on a
	// blocked server it never returns.
	oneCall = 10 * time.Second
)

// memberServer is MLflow for the demo member's scripts.
func memberServer(t *testing.T, stack outputs.Stack) loadgen.Server {
	t.Helper()
	at := slices.IndexFunc(stack.DemoUsers, func(u outputs.User) bool { return u.Group == stack.Realm.UserGroup })
	require.GreaterOrEqual(t, at, 0)
	docker := openEngine(t)
	token, err := scenario.Bearer(t.Context(), stack, docker, stack.DemoUsers[at])
	require.NoError(t, err)
	way, err := edgeclient.Open(t.Context(), stack, docker)
	require.NoError(t, err)
	return loadgen.Server{URL: stack.MLflow.URL, Header: http.Header{"Authorization": {"Bearer " + token}}, Way: way.ViaEdge}
}

// newRun creates a run that is deleted at the end, with its file.
func newRun(t *testing.T, server loadgen.Server, name, file string) (*loadgen.Client, *loadgen.Run) {
	t.Helper()
	client := loadgen.Open(server)
	t.Cleanup(client.Close)
	run, err := client.NewRun(t.Context(), name+rand.Text())
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.Background()
		require.NoError(t, client.Do(ctx, http.MethodDelete, run.ArtifactPath(file), nil, nil))
		require.NoError(t, run.Delete(ctx))
	})
	return client, run
}

// A client that requests a file and then stops reading used to block the only thread of a server
// process.
func TestClientsThatStopReadingBlockNoOtherClient(t *testing.T) {
	nightly(t)
	server := memberServer(t, runningStack(t))
	client, run := newRun(t, server, "stuck-", "large.bin")
	content := make([]byte, artifactSize)
	_, _ = rand.Read(content)
	sum := sha256.Sum256(content)
	require.NoError(t, client.Do(t.Context(), http.MethodPut, run.ArtifactPath("large.bin"), content, nil))

	stuck, failed := standStill(t, server, run.ArtifactPath("large.bin"))

	// Each call uses its own connection, so that every process gets some.
	calls := 0
	for began := time.Now(); time.Since(began) < stuckFor; calls++ {
		ctx, cancel := context.WithTimeout(t.Context(), oneCall)
		require.NoError(t, run.LogBatch(ctx), "call %d while clients stand still", calls+1)
		cancel()
		client.Close()
	}
	t.Logf("%d calls in %s beside %d clients that stand still", calls, stuckFor, stuckClients)
	require.NoError(t, failed())
	for _, s := range stuck()[:4] {
		got, err := s.Rest()
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(sum[:]), got, "a file that was read late")
	}
}

// standStill starts downloads that stop after the head. Once all have had their response, the
// functions return them and their errors.
func standStill(t *testing.T, server loadgen.Server, path string) (downloads func() []*loadgen.Stuck, failed func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var (
		all   sync.WaitGroup
		mutex sync.Mutex
		stuck []*loadgen.Stuck
		first error
	)
	for range stuckClients {
		all.Go(func() {
			s, err := loadgen.GetStuck(ctx, server, path)
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				first = err
				return
			}
			stuck = append(stuck, s)
		})
	}
	t.Cleanup(func() {
		cancel()
		all.Wait()
		for _, s := range stuck {
			s.Close()
		}
	})
	time.Sleep(2 * time.Second) // most of them have started, or never will
	return func() []*loadgen.Stuck { return stuck }, func() error { all.Wait(); return first }
}
