package security

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/reference/security-test.md, then fail")

const (
	tableBegins = "<!-- attacks: written by `make golden` -->\n"
	tableEnds   = "<!-- end of attacks -->\n"
)

// The page describes the attacks that the code performs.
func TestThePageAboutAttacksListsEveryAttackAndPublicRoute(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "reference", "security-test.md")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(raw), tableBegins)
	require.True(t, found)
	_, after, found := strings.Cut(rest, tableEnds)
	require.True(t, found)

	var table strings.Builder
	cell := strings.NewReplacer("|", `\|`)
	table.WriteString("\n| attack | tries | control | what holds |\n|---|---|---|---|\n")
	for _, a := range (&suite{}).attacks() {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", a.name, cell.Replace(a.tries), cell.Replace(a.control), cell.Replace(a.defence))
	}
	table.WriteString("\nRoutes that are public on purpose; any other that answers an anonymous client is a finding:\n\n| path | why |\n|---|---|\n")
	for _, p := range public {
		fmt.Fprintf(&table, "| `%s` | %s |\n", p.below, p.reason)
	}
	table.WriteString("\n")
	wanted := before + tableBegins + table.String() + tableEnds + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(wanted), 0o644))
		t.Errorf("wrote %s: read it, then run without -update", path)
		return
	}
	require.Equal(t, wanted, string(raw), "run `make golden`")
}
