//go:build chaos

package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listedKinds is the number of user-visible errors in the table of figures.
const listedKinds = 3

// page contains the tables.
func page(root string) string { return filepath.Join(root, "docs", "reference", "reliability.md") }

// compare requires that the page reports the observed results of these faults: how each ends, and
// for whom it is invisible.
func compare(t *testing.T, root string, seen []suffered) {
	t.Helper()
	raw, err := os.ReadFile(page(root))
	require.NoError(t, err)
	was := part(t, string(raw), "faults")
	head, rows := words(seen)
	require.Equal(t, merged(was, head, rows, unmade), was, "run with -update, and read the difference")
}

// write writes that and the figures. Rows of faults that were not injected now stay unchanged.
func write(t *testing.T, root string, seen []suffered) {
	t.Helper()
	raw, err := os.ReadFile(page(root))
	require.NoError(t, err)
	text := string(raw)
	for name, table := range map[string]func([]suffered) (head string, rows []string){"faults": words, "figures": figures, "sights": sights} {
		was := part(t, text, name)
		head, rows := table(seen)
		absent := ""
		if name == "faults" {
			absent = unmade
		}
		text = strings.Replace(text, mark(name)+was, mark(name)+merged(was, head, rows, absent), 1)
	}
	require.NoError(t, os.WriteFile(page(root), []byte(text), 0o600))
}

// mark starts the part of that name.
func mark(name string) string {
	return "<!-- " + name + ": written by `make chaos`, see CONTRIBUTING.md -->\n"
}

// part is the page's content between the marks of that name.
func part(t *testing.T, text, name string) string {
	t.Helper()
	_, rest, begins := strings.Cut(text, mark(name))
	content, _, ends := strings.Cut(rest, "<!-- end of "+name+" -->\n")
	require.True(t, begins && ends, "the page has no place for the %s", name)
	return content
}

// unmade is the rest of a row for a fault that was never injected.
const unmade = " not made yet | – | – | – |\n"

// merged returns a table in the order of the faults, with current rows replacing previous ones,
// and a placeholder for faults never injected.
func merged(was, head string, rows []string, absent string) string {
	b := strings.Builder{}
	b.WriteString(head)
	for _, f := range faults() {
		begins := func(line string) bool { return strings.HasPrefix(line, "| "+f.name+" |") }
		if i := slices.IndexFunc(rows, begins); i >= 0 {
			b.WriteString(rows[i])
			continue
		}
		lines := slices.Collect(strings.Lines(was))
		switch i := slices.IndexFunc(lines, begins); {
		case i >= 0:
			b.WriteString(lines[i])
		case absent != "":
			b.WriteString("| " + f.name + " |" + absent)
		}
	}
	return b.String()
}

// words are the parts that do not change between runs.
func words(seen []suffered) (head string, rows []string) {
	for _, s := range seen {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %d | %d |\n", s.name, s.ends, or(strings.Join(s.unharmed, ", ")), s.lost, s.half))
	}
	return "| fault | ends with | sees no error | acknowledged writes lost | partial runs |\n|---|---|---|---|---|\n", rows
}

// figures are of a day and a machine.
func figures(seen []suffered) (head string, rows []string) {
	on := fmt.Sprintf("%s, %d CPUs", time.Now().UTC().Format("2 January 2006"), runtime.NumCPU())
	for _, s := range seen {
		a := s.accounts
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %d, %d | %d | %s |\n", s.name, seconds(s.well), seconds(a[scripts].Away), seconds(a[sessions].Away),
			seconds(a[logins].Away), seconds(a[scripts].Slowest), a[scripts].Proper, a[scripts].Failed, s.worked, on))
	}
	return "| fault | recovered after | script downtime | browser downtime | login downtime | slowest answer to scripts | script requests: succeeded, failed | failed, but applied | measured |\n|---|---|---|---|---|---|---|---|---|\n", rows
}

// sights are what was seen, and how often.
func sights(seen []suffered) (head string, rows []string) {
	for _, s := range seen {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", s.name, most(s.accounts[scripts].Kinds), most(s.accounts[sessions].Kinds), most(s.accounts[logins].Kinds)))
	}
	return "| fault | scripts saw | browsers saw | logins saw |\n|---|---|---|---|\n", rows
}

// or replaces an empty text by a dash.
func or(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// seconds are with one decimal; none is a dash.
func seconds(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", d.Seconds())
}

// most are the most frequent ones.
func most(kinds map[string]int) string {
	all := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int { return cmp.Or(kinds[b]-kinds[a], strings.Compare(a, b)) })
	var texts []string
	for _, kind := range all[:min(len(all), listedKinds)] {
		texts = append(texts, fmt.Sprintf("%d × %s", kinds[kind], kind))
	}
	if len(all) > listedKinds {
		texts = append(texts, fmt.Sprintf("%d other kinds", len(all)-listedKinds))
	}
	return or(strings.Join(texts, "<br>"))
}
