//go:build bench

package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
)

const (
	// mostClients is the maximum number of concurrent clients, each with its own run.
	mostClients = 8
	// measured is how long each measurement takes.
	measured = 5 * time.Second
	// warming is how long each way is used beforehand.
	warming = 5 * time.Second
)

// way is one of the ways to have metrics logged.
type way struct {
	name string
	// containers are those that serve only this one.
	containers []string
	client     *loadgen.Client
	runs       []*loadgen.Run
}

// The cost of a login for a script that logs metrics: a server without the plugin, one with it,
// and the stack's own through the edge, in turn, so that other load affects all alike.
func TestLogBatch(t *testing.T) {
	ctx := interruptible(t)
	m := openMachine(ctx, t)
	deployed := m.upPublicStack(ctx, t)
	ways := m.ways(ctx, t, deployed)
	f := newLogBatch(2 * rounds(t))
	for round := range f.Rounds {
		inTurn := slices.Clone(ways)
		if round%2 == 1 {
			slices.Reverse(inTurn)
		}
		for _, clients := range []int{1, mostClients} {
			for _, w := range inTurn {
				require.NoError(t, m.log.Step(ctx, fmt.Sprintf("%d at once, %s", clients, w.name), func(ctx context.Context, _ *progress.Step) error {
					return m.measureWay(ctx, w, clients, f)
				}))
			}
		}
	}
	require.NoError(t, f.print(os.Stdout))
	if file := os.Getenv(variableJSON); file != "" {
		require.NoError(t, f.writeJSON(file))
	}
}

// ways creates the servers next to the stack's own, and a client for each.
func (m *machine) ways(ctx context.Context, t *testing.T, deployed outputs.Stack) []*way {
	t.Cleanup(func() { require.NoError(t, m.removeBaseline(context.Background())) })
	plain, prompt := m.servePlain(ctx, t, deployed, "plain", false), m.servePlain(ctx, t, deployed, "prompt", true)
	with := m.serveWithPlugin(ctx, t, deployed)

	login := m.memberLogin(ctx, t, deployed)
	edge, err := edgeclient.Open(ctx, deployed, m.docker)
	require.NoError(t, err)

	ways := []*way{
		{name: withoutLogin, containers: []string{plain.container}, client: loadgen.Open(loadgen.Server{URL: plain.url, Way: plain.way})},
		{name: promptly, containers: []string{prompt.container}, client: loadgen.Open(loadgen.Server{URL: prompt.url, Way: prompt.way})},
		{name: withPlugin, containers: []string{with.container}, client: loadgen.Open(loadgen.Server{URL: with.url, Way: with.way, Header: login})},
		{
			name: throughEdge, containers: []string{deployed.MLflow.Container, deployed.Edge.Container},
			client: loadgen.Open(loadgen.Server{URL: deployed.MLflow.URL, Way: edge.ViaEdge, Header: login}),
		},
	}
	for _, w := range ways {
		require.NoError(t, w.prepare(ctx), w.name)
	}
	return ways
}

// prepare creates a run for each client and uses each once.
func (w *way) prepare(ctx context.Context) error {
	for n := range mostClients {
		run, err := w.client.NewRun(ctx, fmt.Sprintf("%s %d %d", w.name, n, time.Now().UnixNano()))
		if err != nil {
			return err
		}
		w.runs = append(w.runs, run)
	}
	_, err := loadgen.Measure(ctx, mostClients, warming, w.logBatch)
	return err
}

func (w *way) logBatch(ctx context.Context, client int) error { return w.runs[client].LogBatch(ctx) }

// measureWay measures once, over new connections: each connection belongs to a random process as
// long as it is open.
func (m *machine) measureWay(ctx context.Context, w *way, clients int, f *logBatch) error {
	w.client.Close()
	before, err := m.processorTime(ctx, w.containers)
	if err != nil {
		return err
	}
	got, err := loadgen.Measure(ctx, clients, measured, w.logBatch)
	if err != nil {
		return err
	}
	after, err := m.processorTime(ctx, w.containers)
	if err != nil {
		return err
	}
	f.add(w.name, clients, got, (after-before).Seconds()*1000/float64(got.Requests))
	return nil
}

// processorTime is the CPU time that containers have taken so far.
func (m *machine) processorTime(ctx context.Context, containers []string) (time.Duration, error) {
	var all time.Duration
	for _, name := range containers {
		used, err := m.statistics(ctx, name)
		if err != nil {
			return 0, err
		}
		all += time.Duration(used.CPUStats.CPUUsage.TotalUsage)
	}
	return all, nil
}

// dialing makes all connections go to one address.
func dialing(address string) func(*http.Client, *http.Transport) {
	return func(_ *http.Client, transport *http.Transport) {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	}
}
