package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// examplePreview has a change of every outcome, and texts that would break the format.
func examplePreview() Preview {
	return Preview{
		Stack: "lab", Same: 20,
		Changes: []Change{
			{
				Resource: "postgres-data", Kind: "docker Volume", Outcome: Replaced, DataLoss: "all that is in this volume would be deleted",
				Properties: []Property{{Name: "name", Old: json.RawMessage(`"a"`), New: json.RawMessage(`"b"`), Forces: true}},
			},
			{Resource: "demo|user`", Kind: "keycloak User", Outcome: Removed},
			{
				Resource: "redis-container", Kind: "docker Container", Outcome: Replaced,
				Properties: []Property{
					{Name: "envs.NEW", New: Secret},
					{Name: "envs.OLD", Old: Secret, New: Secret, Forces: true},
					{Name: "image", Old: json.RawMessage(`"sha256:1"`), New: Unknown},
					{Name: "memory", Old: json.RawMessage(`128`), New: json.RawMessage(`192`)},
				},
			},
			{
				Resource: "mlflow-container", Kind: "docker Container", Outcome: Replaced, Why: "since what it builds on is",
				Properties: []Property{{Name: "tmpfs[\"a\nb\"]", Old: json.RawMessage("\"```\"")}},
			},
			{
				Resource: "realm", Kind: "keycloak Realm", Outcome: Changed,
				Properties: []Property{{Name: "policy", Old: json.RawMessage(`"` + strings.Repeat("x", 500) + `"`), New: json.RawMessage(`"<b>"`)}},
			},
			{Resource: "edge-container", Kind: "docker Container", Outcome: Created},
		},
	}
}

func TestThePreviewStaysAsItIs(t *testing.T) {
	var table, coloured, machine, comment bytes.Buffer
	require.NoError(t, WriteChanges(&table, examplePreview(), false))
	require.NoError(t, WriteChanges(&coloured, examplePreview(), true))
	require.NoError(t, WriteChangesJSON(&machine, examplePreview()))
	require.NoError(t, WriteChangesMarkdown(&comment, examplePreview()))
	golden(t, "preview.txt", table.Bytes())
	golden(t, "preview-colour.txt", coloured.Bytes())
	golden(t, "preview.json", machine.Bytes())
	golden(t, "preview.md", comment.Bytes())
}

func TestDataLossIsReportedInEveryFormat(t *testing.T) {
	var table, machine, comment bytes.Buffer
	harmless := Preview{Changes: examplePreview().Changes[1:]}
	for _, p := range []Preview{examplePreview(), harmless} {
		table.Reset()
		machine.Reset()
		comment.Reset()
		require.NoError(t, WriteChanges(&table, p, false))
		require.NoError(t, WriteChangesJSON(&machine, p))
		require.NoError(t, WriteChangesMarkdown(&comment, p))
		loses := len(p.losses()) > 0
		require.Equal(t, loses, strings.Contains(table.String(), "DATA WOULD BE LOST"))
		require.Equal(t, loses, strings.Contains(machine.String(), `"losesData": true`))
		require.Equal(t, loses, strings.Contains(comment.String(), "Data would be lost"))
	}
}

func TestAPreviewWithoutAChangeSaysSo(t *testing.T) {
	var table, machine, comment bytes.Buffer
	p := Preview{Stack: "lab", Same: 28}
	require.NoError(t, WriteChanges(&table, p, false))
	require.NoError(t, WriteChangesJSON(&machine, p))
	require.NoError(t, WriteChangesMarkdown(&comment, p))
	require.Equal(t, "preview of stack lab: no change, 28 stay\n", table.String())
	require.JSONEq(t, `{"stack":"lab","losesData":false,"same":28,"changes":[]}`, machine.String())
	require.Equal(t, "### Preview of stack `lab`: no change, 28 stay\n", comment.String())
}

// GitHub refuses a comment of more than 65,536 characters entirely.
func TestACommentIsNeverTooLongAndCountsWhatWasCut(t *testing.T) {
	const limit = 65_536 - 200 // the caller adds a marker
	long := json.RawMessage(`"` + strings.Repeat("é", 2000) + `"`)
	for _, n := range []int{1, 50, 400, 2000, 20_000} {
		p := Preview{Stack: "lab"}
		for i := range n {
			p.Changes = append(p.Changes, Change{
				Resource: fmt.Sprintf("resource-%d", i), Kind: "docker Container", Outcome: Replaced, DataLoss: "all of it",
				Properties: []Property{{Name: "x", Old: long, New: long}},
			})
		}
		var comment bytes.Buffer
		require.NoError(t, WriteChangesMarkdown(&comment, p))
		text := comment.String()
		require.Less(t, len(text), limit)
		left := map[string]int{
			"lost":              strings.Count(text, "> - `"),
			"rows of the table": strings.Count(text, "**replaced** | `"),
			"details":           strings.Count(text, "`, replaced\n"),
		}
		for what, shown := range left {
			cut := fmt.Sprintf("%d of %d %s", n-shown, n, what)
			require.Equal(t, shown < n, strings.Contains(text, cut), "%s, shown are %d of %d", what, shown, n)
		}
		require.Equal(t, strings.Count(text, "<details>"), strings.Count(text, "</details>"))
		require.Zero(t, strings.Count(text, "```")%2, "a fence is open")
	}
}

func TestATextCannotMoveTheCursorOrTurnTheLine(t *testing.T) {
	require.Equal(t, "a\uFFFDb\uFFFDc\uFFFDd", plain("a\x1bb\u202ec\nd"))
	require.Equal(t, "\"\uFFFD\"", value(json.RawMessage("\"\u202e\""), 10))
}

func TestAPreviewThatCannotBeWrittenFails(t *testing.T) {
	require.ErrorContains(t, WriteChanges(brokenWriter{}, examplePreview(), false), "disk full")
	require.ErrorContains(t, WriteChangesJSON(brokenWriter{}, examplePreview()), "disk full")
	require.ErrorContains(t, WriteChangesMarkdown(brokenWriter{}, examplePreview()), "disk full")
}
