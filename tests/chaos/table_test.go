//go:build chaos

package chaos

import (
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

// told is how many of the things that users saw are in the table of figures.
const told = 3

// compare demands that the page tells of these faults what has just been seen: how each
// ends, and for whom it is none. With -update it writes that and the figures, and fails.
func compare(t *testing.T, root string, table []suffered) {
	t.Helper()
	page := filepath.Join(root, "docs", "reliability.md")
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	text := string(raw)
	was := part(t, text, "faults")
	if *update {
		text = strings.Replace(text, was, words(table), 1)
		text = strings.Replace(text, part(t, text, "figures"), figures(table), 1)
		require.NoError(t, os.WriteFile(page, []byte(text), 0o600))
		t.Fatal("written; read the difference, and run again without -update")
	}
	require.Equal(t, words(table), was, "run with -update, and read the difference")
}

// part is what the page has between the marks of that name.
func part(t *testing.T, text, name string) string {
	t.Helper()
	_, rest, begins := strings.Cut(text, "<!-- "+name+": written by `make chaos`, see CONTRIBUTING.md -->\n")
	content, _, ends := strings.Cut(rest, "<!-- end of "+name+" -->\n")
	require.True(t, begins && ends, "the page has no place for the %s", name)
	return content
}

// words are what does not change from run to run.
func words(table []suffered) string {
	var b strings.Builder
	b.WriteString("| what breaks | it ends by | who must not see an error | acknowledged writes lost | acknowledged runs half there |\n|---|---|---|---|---|\n")
	for _, s := range table {
		unharmed := strings.Join(s.unharmed, ", ")
		if unharmed == "" {
			unharmed = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d |\n", s.name, s.ends, unharmed, s.lost, s.half)
	}
	return b.String()
}

// figures are of this run and this machine.
func figures(table []suffered) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d CPUs. Seconds.\n\n", time.Now().UTC().Format("2 January 2006"), runtime.NumCPU())
	b.WriteString("| what breaks | all well after | scripts away | browsers away | logins away | slowest answer to scripts | requests of scripts: proper, failed | failed, and yet done |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range table {
		a := s.accounts
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d, %d | %d |\n", s.name, seconds(s.well), seconds(a[scripts].Away), seconds(a[sessions].Away),
			seconds(a[logins].Away), seconds(a[scripts].Slowest), a[scripts].Proper, a[scripts].Failed, s.worked)
	}
	b.WriteString("\nWhat was seen, and how often:\n\n| what breaks | scripts | browsers | logins |\n|---|---|---|---|\n")
	for _, s := range table {
		if s.well > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.name, sights(s.accounts[scripts].Kinds), sights(s.accounts[sessions].Kinds), sights(s.accounts[logins].Kinds))
		}
	}
	return b.String()
}

// seconds are with one decimal; none is a dash.
func seconds(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", d.Seconds())
}

// sights are the most frequent ones.
func sights(kinds map[string]int) string {
	all := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int { return kinds[b] - kinds[a] })
	var texts []string
	for _, kind := range all[:min(len(all), told)] {
		texts = append(texts, fmt.Sprintf("%d × %s", kinds[kind], kind))
	}
	if len(all) > told {
		texts = append(texts, fmt.Sprintf("%d other kinds", len(all)-told))
	}
	if len(texts) == 0 {
		return "–"
	}
	return strings.Join(texts, "<br>")
}
