//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Targets.
const (
	aimRatio  = 1.25   // start-up beside its lower bound
	aimMemory = 1331.2 // MiB, which is 1.3 GiB
)

// figures are all results of a run. All times are in seconds.
type figures struct {
	Taken   time.Time `json:"taken"`
	CPUs    int       `json:"cpus"`
	Rounds  int       `json:"rounds"`
	Pairs   []*pair   `json:"pairs"`
	AimedAt aims      `json:"aimedAt"`
	// Unchanged are updates of a stack without changes, package stack's part only;
	// UnchangedCommand is the whole command once.
	Unchanged        []float64 `json:"unchanged"`
	UnchangedCommand float64   `json:"unchangedCommand"`
	// Refresh is a comparison of the actual state with the settings.
	Refresh float64 `json:"refresh"`
	// Memory is what each container holds, in MiB.
	Memory map[string]float64 `json:"memoryMiB"`
}

type aims struct {
	Ratio     float64 `json:"ratio"`
	MemoryMiB float64 `json:"memoryMiB"`
}

// pair is a start-up by the tool and one without Pulumi, in succession.
type pair struct {
	Up       startUp `json:"up"`
	Baseline startUp `json:"byHand"`
	Ratio    float64 `json:"ratio"`
}

// startUp goes from its beginning to the end of the first login.
type startUp struct {
	Seconds float64 `json:"seconds"`
	// Load is the machine's load average at the start.
	Load  string    `json:"load"`
	CPU   processor `json:"cpuSeconds"`
	Parts []mark    `json:"parts"`
}

func newFigures(rounds int) *figures {
	return &figures{Taken: time.Now().UTC(), CPUs: runtime.NumCPU(), Rounds: rounds, AimedAt: aims{aimRatio, aimMemory}}
}

// machineLoad is the machine's load over the last minute; empty if it cannot be read.
func machineLoad() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	one, _, _ := strings.Cut(string(content), " ")
	return one
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func verdict(got, aim float64) string {
	if got <= aim {
		return "as aimed"
	}
	return "missed"
}

func (f *figures) each(value func(*pair) float64) []float64 {
	values := make([]float64, len(f.Pairs))
	for i, p := range f.Pairs {
		values[i] = value(p)
	}
	return values
}

func (f *figures) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, arguments ...any) { _, _ = fmt.Fprintf(table, format+"\n", arguments...) } // Flush reports
	up, baseline := f.each(func(p *pair) float64 { return p.Up.Seconds }), f.each(func(p *pair) float64 { return p.Baseline.Seconds })
	ratios := f.each(func(p *pair) float64 { return p.Ratio })

	line("\nSTART-UP, from warm images and empty volumes to the first login, on %d CPUs", f.CPUs)
	line("round\tup\tby hand\tratio\tload before each")
	for i, p := range f.Pairs {
		line("%d\t%.1fs\t%.1fs\t%.2f\t%s, %s", i+1, p.Up.Seconds, p.Baseline.Seconds, p.Ratio, p.Up.Load, p.Baseline.Load)
	}
	line("median\t%.1fs\t%.1fs\t%.2f\taim: at most %.2f, %s", median(up), median(baseline), median(ratios), aimRatio, verdict(median(ratios), aimRatio))

	line("\nCPU SECONDS\tup: containers\tPulumi\tothers\tby hand: containers\tothers")
	for i, p := range f.Pairs {
		up, baseline := p.Up.CPU, p.Baseline.CPU
		line("round %d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f", i+1, up.Containers, up.Pulumi, up.Others, baseline.Containers, baseline.Others)
	}

	f.printParts(line, "UP, part by part", func(p *pair) []mark { return p.Up.Parts })
	f.printParts(line, "BASELINE, part by part", func(p *pair) []mark { return p.Baseline.Parts })

	line("\nNOTHING TO DO\tmedian\tall")
	line("update\t%.1fs\t%.1f", median(f.Unchanged), f.Unchanged)
	line("whole command\t%.1fs\t", f.UnchangedCommand)
	line("look for drift\t%.1fs\tnone found", f.Refresh)

	total := 0.0
	line("\nMEMORY after %s without a request\tMiB", idleTime)
	for _, component := range slices.Sorted(maps.Keys(f.Memory)) {
		line("%s\t%.0f", component, f.Memory[component])
		total += f.Memory[component]
	}
	line("all four\t%.0f\taim: at most %.0f, %s", total, aimMemory, verdict(total, aimMemory))
	return table.Flush()
}

// printParts prints the medians of the parts, in the order of their start.
func (f *figures) printParts(line func(string, ...any), title string, of func(*pair) []mark) {
	begins, ends := map[string][]float64{}, map[string][]float64{}
	for _, p := range f.Pairs {
		for _, m := range of(p) {
			begins[m.What] = append(begins[m.What], m.Begin)
			ends[m.What] = append(ends[m.What], m.End)
		}
	}
	names := slices.SortedFunc(maps.Keys(begins), func(a, b string) int {
		if median(begins[a]) < median(begins[b]) {
			return -1
		}
		return 1
	})
	line("\n%s (medians)\tfrom\tto\ttook", title)
	for _, name := range names {
		from, to := median(begins[name]), median(ends[name])
		line("%s\t%.1fs\t%.1fs\t%.1fs", name, from, to, to-from)
	}
}

func (f *figures) writeJSON(file string) error {
	content, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o644)
}
