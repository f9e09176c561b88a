//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
)

// The servers that are compared, the first with the others.
const (
	withoutLogin = "without login"
	promptly     = "without login, at once" // without MLflow's wait for acknowledgements
	withPlugin   = "with a token"
	throughEdge  = "with a token, through the edge"
)

// aimed is the maximum cost of a login in throughput, in percent, by clients.
var aimed = map[int]float64{1: 5, mostClients: 10}

// logBatch are the results of TestLogBatch.
type logBatch struct {
	Taken  time.Time `json:"taken"`
	CPUs   int       `json:"cpus"`
	Rounds int       `json:"rounds"`
	Load   string    `json:"load"`
	Series []*series `json:"series"`
}

// series is one way with one number of clients, round by round.
type series struct {
	Way     string `json:"way"`
	Clients int    `json:"clients"`
	Rounds  []shot `json:"rounds"`
}

// shot is one measurement.
type shot struct {
	loadgen.Figures
	// CPU is the CPU time of the server's own containers per request, in milliseconds: other load
	// changes it less than it changes times.
	CPU float64 `json:"cpuMilliseconds"`
}

func newLogBatch(rounds int) *logBatch {
	return &logBatch{Taken: time.Now().UTC(), CPUs: runtime.NumCPU(), Rounds: rounds, Load: machineLoad()}
}

func (f *logBatch) add(way string, clients int, got loadgen.Figures, cpu float64) {
	at := slices.IndexFunc(f.Series, func(s *series) bool { return s.Way == way && s.Clients == clients })
	if at < 0 {
		at = len(f.Series)
		f.Series = append(f.Series, &series{Way: way, Clients: clients})
	}
	f.Series[at].Rounds = append(f.Series[at].Rounds, shot{got, cpu})
}

func (s *series) each(value func(shot) float64) []float64 {
	values := make([]float64, len(s.Rounds))
	for i, one := range s.Rounds {
		values[i] = value(one)
	}
	return values
}

// ratio is the median of the ratios of two servers in the same round.
func (f *logBatch) ratio(s *series, beside string, value func(shot) float64) float64 {
	at := slices.IndexFunc(f.Series, func(o *series) bool { return o.Way == beside && o.Clients == s.Clients })
	ours, theirs := s.each(value), f.Series[at].each(value)
	for i := range ours {
		ours[i] /= theirs[i]
	}
	return median(ours)
}

func (f *logBatch) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, arguments ...any) { _, _ = fmt.Fprintf(table, format+"\n", arguments...) } // Flush reports
	perSecond, p50, p95 := func(s shot) float64 { return s.PerSecond }, func(s shot) float64 { return s.P50 }, func(s shot) float64 { return s.P95 }
	cpu := func(s shot) float64 { return s.CPU }
	line("\nLOG-BATCH of ten metrics, medians of %d rounds, on %d CPUs; load before: %s", f.Rounds, f.CPUs, f.Load)
	line("clients\t\tper second\tp50\tp95\tCPU\tbeside %s: throughput\tp50\tCPU\t", withoutLogin)
	slices.SortStableFunc(f.Series, func(a, b *series) int { return a.Clients - b.Clients })
	for _, s := range f.Series {
		throughput := f.ratio(s, withoutLogin, perSecond)
		judged := ""
		if aim := aimed[s.Clients]; s.Way == throughEdge {
			cost := 100 * (1 - throughput)
			judged = fmt.Sprintf("costs %.0f %%; aim: at most %.0f %%, %s; of %q %.0f %%",
				cost, aim, verdict(cost, aim), promptly, 100*(1-f.ratio(s, promptly, perSecond)))
		}
		line("%d\t%s\t%.1f\t%.1f ms\t%.1f ms\t%.1f ms\t%.2f\t%.2f\t%.2f\t%s", s.Clients, s.Way,
			median(s.each(perSecond)), median(s.each(p50)), median(s.each(p95)), median(s.each(cpu)),
			throughput, f.ratio(s, withoutLogin, p50), f.ratio(s, withoutLogin, cpu), judged)
	}
	return table.Flush()
}

// writeJSON writes next to the file of the other figures.
func (f *logBatch) writeJSON(file string) error {
	content, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	extension := filepath.Ext(file)
	return os.WriteFile(strings.TrimSuffix(file, extension)+"-log-batch"+extension, append(content, '\n'), 0o644)
}
