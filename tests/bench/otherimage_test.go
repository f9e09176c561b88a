//go:build bench

package bench

import (
	"context"
	"fmt"
	"os"
	"testing"
	"text/tabwriter"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
)

const (
	// variableOther names an image of MLflow, built from another commit, to compare with the stack's
	// own.
	variableOther = "MLFLOW_SSO_BENCH_OTHER_IMAGE"
	ownImage      = "the stack's image"
	otherImage    = "the other image"
	// aimOther is the maximum cost in throughput of the own image compared with the other, in
	// percent.
	aimOther = 3
)

// The cost of a change of the image for a script that logs metrics: two servers next to the same
// stack, one of each image, in turn, with one and with eight clients.
func TestLogBatchBesideAnotherImage(t *testing.T) {
	other := os.Getenv(variableOther)
	if other == "" {
		t.Skipf("%s names no image", variableOther)
	}
	ctx := interruptible(t)
	m := openMachine(ctx, t)
	deployed := m.upPublicStack(ctx, t)
	t.Cleanup(func() { require.NoError(t, m.removeBaseline(context.Background())) })
	own := m.serveWithPlugin(ctx, t, deployed)
	before := m.serve(ctx, t, deployed, "other", func(config *container.Config, _ *container.HostConfig) {
		config.Image = other
	})
	login := m.memberLogin(ctx, t, deployed)
	var ways []*way
	for name, at := range map[string]server{ownImage: own, otherImage: before} {
		w := &way{name: name, containers: []string{at.container}, client: loadgen.Open(loadgen.Server{
			URL: at.url, Way: at.way, Header: login,
		})}
		require.NoError(t, w.prepare(ctx), name)
		ways = append(ways, w)
	}
	f := newLogBatch(2 * rounds(t))
	for round := range f.Rounds {
		for _, clients := range []int{1, mostClients} {
			for i := range ways {
				require.NoError(t, m.measureWay(ctx, ways[(i+round)%len(ways)], clients, f))
			}
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "\nLOG-BATCH of ten metrics, medians of %d rounds, on %d CPUs; load before: %s\n", f.Rounds, f.CPUs, f.Load)
	_, _ = fmt.Fprintln(table, "clients\t\tper second\tCPU\tbeside the other: throughput\tCPU\t")
	for _, series := range f.Series {
		throughput := f.ratio(series, otherImage, func(s shot) float64 { return s.PerSecond })
		judged := ""
		if series.Way == ownImage {
			cost := 100 * (1 - throughput)
			judged = fmt.Sprintf("costs %.1f %%; aim: at most %d %%, %s", cost, aimOther, verdict(cost, aimOther))
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%.1f\t%.1f ms\t%.3f\t%.3f\t%s\n", series.Clients, series.Way,
			median(series.each(func(s shot) float64 { return s.PerSecond })), median(series.each(func(s shot) float64 { return s.CPU })),
			throughput, f.ratio(series, otherImage, func(s shot) float64 { return s.CPU }), judged)
	}
	require.NoError(t, table.Flush())
}
