package accessreport

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteJSON writes the report as JSON.
func WriteJSON(w io.Writer, r Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Write writes the report for a terminal.
func Write(w io.Writer, r Report) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(columns ...string) { _, _ = fmt.Fprintln(table, strings.Join(columns, "\t")) } // tabwriter reports at Flush
	line("RULE FOR", "", "ON", "", "GRANTS", "")
	for _, rule := range r.Rules {
		line(string(rule.Who), shown(rule.Name), rule.Kind, shown(rule.Pattern), rule.Permission, rule.Origin())
	}
	if len(r.Rules) == 0 {
		line("none")
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w)
	line("WHO", "IS", "MAY", "ON", "", "BECAUSE")
	for _, p := range r.People {
		if len(p.May) == 0 {
			line(shown(p.Name), p.State, "-", "", "", "no permission")
		}
		for _, may := range p.May {
			line(shown(p.Name), p.State, may.Permission, may.Kind, shown(may.Name), shown(may.Because))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", r.Coverage)
	return err
}

// Origin returns the rule's origin.
func (r Rule) Origin() string {
	if r.Declared {
		return "stack file"
	}
	return "manual"
}

// shown escapes a user-chosen name, which could otherwise move the cursor.
func shown(text string) string {
	if quoted := fmt.Sprintf("%q", text); quoted[1:len(quoted)-1] != text && strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return quoted
	}
	return text
}

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// WriteHTML writes the report as a self-contained page.
func WriteHTML(w io.Writer, r Report) error { return pageTemplate.Execute(w, r) }
