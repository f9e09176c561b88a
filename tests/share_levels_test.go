package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// levelsFile says what each level allows; tests/application/test_share_levels.py tries all of it.
const levelsFile = "application/share_levels.json"

// levels are the columns of the table; USE allows on these things what READ does.
var levels = []string{"READ", "EDIT", "MANAGE"}

func TestThePageAboutSharingSaysWhatTheTestOfLevelsTries(t *testing.T) {
	content, err := os.ReadFile(levelsFile)
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join("..", "docs", "how-to", "share-your-work.md"))
	require.NoError(t, err)
	_, rest, there := strings.Cut(string(page), "<!-- levels: made from tests/"+levelsFile+", see CONTRIBUTING.md -->\n")
	require.True(t, there)
	table, _, there := strings.Cut(rest, "<!-- end of levels -->")
	require.True(t, there)
	require.Equal(t, levelTable(t, content), table)
}

// levelTable renders the file in its own order.
func levelTable(t *testing.T, content []byte) string {
	t.Helper()
	var allowed map[string]map[string][]string
	require.NoError(t, json.Unmarshal(content, &allowed))
	b := strings.Builder{}
	b.WriteString("| on | action | " + strings.Join(levels, " | ") + " |\n|---|---|---|---|---|\n")
	for _, kind := range []string{"experiment", "model"} {
		require.NotEmpty(t, allowed[kind])
		_, section, _ := strings.Cut(string(content), `"`+kind+`": {`)
		for _, action := range inOrder(t, section, allowed[kind]) {
			b.WriteString("| " + kind + " | " + action)
			for _, level := range levels {
				b.WriteString(map[bool]string{true: " | yes", false: " | –"}[slices.Contains(allowed[kind][action], level)])
			}
			b.WriteString(" |\n")
			require.Equal(t, slices.Contains(allowed[kind][action], "READ"), slices.Contains(allowed[kind][action], "USE"), action)
		}
	}
	return b.String()
}

// inOrder are the actions as the file has them, which is from little to much.
func inOrder(t *testing.T, section string, allowed map[string][]string) (actions []string) {
	t.Helper()
	at := map[string]int{}
	for action, of := range allowed {
		list, err := json.Marshal(of)
		require.NoError(t, err)
		at[action] = strings.Index(section, `"`+action+`": `+strings.ReplaceAll(string(list), ",", ", "))
		require.GreaterOrEqual(t, at[action], 0, action)
		actions = append(actions, action)
	}
	slices.SortFunc(actions, func(a, b string) int { return at[a] - at[b] })
	return actions
}
