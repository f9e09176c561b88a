package report

import (
	"fmt"
	"io"
	"strings"
)

// GitHub refuses a comment of more than 65,536 characters. The rest is for a line or two that the
// caller adds.
const roomOfComment = 60_000

// longestInComment is the maximum length of a value in a comment.
const longestInComment = 400

// WriteChangesMarkdown writes a preview for a comment on GitHub: data loss, a table, and
// collapsed details. It omits and counts what does not fit.
func WriteChangesMarkdown(w io.Writer, p Preview) error {
	m := &markdown{left: roomOfComment}
	m.must("### Preview of stack `%s`: %s\n", code(p.Stack), p.Summary())
	if losses := p.losses(); len(losses) > 0 {
		m.must("\n> [!CAUTION]\n> **Data would be lost**\n>\n")
		m.each(len(losses), "lost", func(i int) string {
			c := losses[i]
			return fmt.Sprintf("> - `%s` would be %s: %s\n", code(c.Resource), c.Outcome, c.DataLoss)
		})
	}
	if len(p.Changes) > 0 {
		m.must("\n| | resource | kind | what differs |\n|---|---|---|---|\n")
		m.each(len(p.Changes), "rows of the table", func(i int) string { return row(p.Changes[i]) })
	}
	var detailed []Change
	for _, c := range p.Changes {
		if len(c.Properties) > 0 {
			detailed = append(detailed, c)
		}
	}
	if len(detailed) > 0 {
		m.must("\n<details><summary>Old and new values</summary>\n")
		m.each(len(detailed), "details", func(i int) string { return details(detailed[i]) })
		m.must("\n</details>\n")
	}
	if len(m.cut) > 0 {
		m.must("\n**Cut to fit a comment**, left out: %s. `mlflow-sso preview --stack %s` shows all.\n", strings.Join(m.cut, ", "), code(p.Stack))
	}
	_, err := io.WriteString(w, m.text.String())
	return err
}

// markdown is a text with a limited length.
type markdown struct {
	text strings.Builder
	left int
	cut  []string
}

// must writes what is never omitted; there is little of it.
func (m *markdown) must(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	m.left -= len(text)
	m.text.WriteString(text)
}

// each writes as many parts as fit, and counts the others.
func (m *markdown) each(parts int, what string, part func(int) string) {
	for i := range parts {
		text := part(i)
		if len(text) > m.left {
			m.cut = append(m.cut, fmt.Sprintf("%d of %d %s", parts-i, parts, what))
			return
		}
		m.must("%s", text)
	}
}

func row(c Change) string {
	names := make([]string, 0, len(c.Properties))
	for _, p := range c.Properties {
		name := "`" + code(p.Name) + "`"
		if p.Forces {
			name = "**" + name + "**"
		}
		names = append(names, name)
	}
	what := strings.Join(names, ", ")
	if c.Why != "" {
		what = strings.TrimSuffix(c.Why+": "+what, ": ")
	}
	outcome := string(c.Outcome)
	if c.DataLoss != "" {
		outcome = "⚠️ **" + outcome + "**"
	}
	return fmt.Sprintf("| %s | `%s` | %s | %s |\n", outcome, code(c.Resource), strings.ReplaceAll(c.Kind, "|", ""), what)
}

// details returns a change's values in a code block, which shows them unchanged.
func details(c Change) string {
	var lines strings.Builder
	for _, p := range c.Properties {
		if p.Old != nil {
			fmt.Fprintf(&lines, "- %s: %s\n", plain(p.Name), value(p.Old, longestInComment))
		}
		if p.New != nil {
			fmt.Fprintf(&lines, "+ %s: %s\n", plain(p.Name), value(p.New, longestInComment))
		}
	}
	fence := "```"
	for strings.Contains(lines.String(), fence) {
		fence += "`"
	}
	return fmt.Sprintf("\n`%s`, %s\n\n%sdiff\n%s%s\n", code(c.Resource), c.Outcome, fence, lines.String(), fence)
}

// code returns a text that is safe between backticks in a table cell.
func code(text string) string {
	return strings.NewReplacer("`", "'", "|", `\|`).Replace(plain(text))
}
