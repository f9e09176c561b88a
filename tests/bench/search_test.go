//go:build bench

package bench

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
)

//go:embed million_runs.sql
var millionRuns string

// searching is the measuring time of each search: the slowest takes most of a minute.
const searching = 2 * time.Minute

// search is a search of runs.
type search struct {
	name, filter string
	order        []string
	// small selects the experiment with one run.
	small bool
}

var searches = []search{
	{name: "the list of an experiment with one run", order: []string{"attributes.start_time DESC"}, small: true},
	{name: "the list of an experiment with a million", order: []string{"attributes.start_time DESC"}},
	{name: "filtered and sorted by a metric", filter: "metrics.a > 0 and tags.t = 'x'", order: []string{"metrics.a DESC", "params.b"}},
}

// How long searches take on a server with a million runs and three million metrics, with one
// client and with eight.
func TestSearchOfAMillionRuns(t *testing.T) {
	ctx := interruptible(t)
	m := openMachine(ctx, t)
	deployed := m.upPublicStack(ctx, t)
	edge, err := edgeclient.Open(ctx, deployed, m.docker)
	require.NoError(t, err)
	client := loadgen.Open(loadgen.Server{URL: deployed.MLflow.URL, Way: edge.ViaEdge, Header: m.memberLogin(ctx, t, deployed)})
	large, small := makeExperiment(ctx, t, client, "large"), makeExperiment(ctx, t, client, "small")
	require.NoError(t, client.Post(ctx, "/api/2.0/mlflow/runs/create", object{"experiment_id": small, "start_time": 1}, nil))
	require.NoError(t, m.log.Step(ctx, "a million runs", func(ctx context.Context, _ *progress.Step) error {
		return m.fill(ctx, deployed, large)
	}))
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "\nsearch\tclients\tanswered\tnot answered\tp50\tp95\t")
	for _, search := range searches {
		for _, clients := range []int{1, mostClients} {
			experiment := large
			if search.small {
				experiment = small
			}
			require.NoError(t, m.log.Step(ctx, fmt.Sprintf("%s, %d at once", search.name, clients), func(ctx context.Context, _ *progress.Step) error {
				got, failed, err := search.measure(ctx, client, clients, experiment)
				_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%.2f s\t%.2f s\t\n", search.name, clients, int64(got.Requests)-failed, failed, got.P50/1000, got.P95/1000)
				return err
			}))
		}
	}
	require.NoError(t, table.Flush())
}

func makeExperiment(ctx context.Context, t *testing.T, client *loadgen.Client, name string) string {
	var made struct {
		ID string `json:"experiment_id"`
	}
	require.NoError(t, client.Post(ctx, "/api/2.0/mlflow/experiments/create", object{"name": name}, &made))
	require.NotEmpty(t, made.ID)
	return made.ID
}

// fill adds the runs to an experiment of a stack's database.
func (m *machine) fill(ctx context.Context, deployed outputs.Stack, experiment string) error {
	made, err := m.docker.Exec(ctx, deployed.Postgres.Container, []string{
		"psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=experiment=" + experiment,
		"--host=/tmp/postgresql", "--username=postgres", "--dbname=mlflow",
	}, engine.Stdin(strings.NewReader(millionRuns)))
	return errors.Join(err, made.Err())
}

// measure counts error responses, such as that of a statement which takes too long.
func (s search) measure(ctx context.Context, client *loadgen.Client, clients int, experiment string) (loadgen.Figures, int64, error) {
	body := object{"experiment_ids": []string{experiment}, "filter": s.filter, "order_by": s.order, "max_results": 100}
	var failed atomic.Int64
	got, err := loadgen.Measure(ctx, clients, searching, func(ctx context.Context, _ int) error {
		err := client.Post(ctx, "/api/2.0/mlflow/runs/search", body, nil)
		var answer *loadgen.AnswerError
		if errors.As(err, &answer) && answer.Code == http.StatusServiceUnavailable {
			failed.Add(1)
			return nil
		}
		return err
	})
	return got, failed.Load(), err
}
