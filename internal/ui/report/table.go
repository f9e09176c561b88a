package report

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// Colour reports whether to write colours to w: it is a terminal, and neither NO_COLOR nor
// TERM=dumb disables them.
func Colour(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Table writes a report to a terminal, row by row as the checks end, to show the progress.
type Table struct {
	w      io.Writer
	colour bool
	width  int
	err    error
}

// NewTable begins a table for the given checks.
func NewTable(w io.Writer, title string, ids []check.ID, colour bool) *Table {
	t := &Table{w: w, colour: colour}
	for _, id := range ids {
		t.width = max(t.width, utf8.RuneCountInString(string(id)))
	}
	t.print("%s\n\n", t.paint(bold, title))
	return t
}

// Row writes one check.
func (t *Table) Row(c check.Result) {
	took := ""
	if c.Status != check.StatusNotRun {
		took = seconds(c.Took)
	}
	name := string(c.ID)
	name += strings.Repeat(" ", max(0, t.width-utf8.RuneCountInString(name)))
	row := fmt.Sprintf("  %s  %s  %6s  %s", t.badge(c.Status), name, took, headline(c))
	t.print("%s\n", strings.TrimRight(row, " "))
	if c.Status == check.StatusPassed {
		return
	}
	reason := c.Reason
	if headline(c) == reason {
		reason = ""
	}
	t.lines(13, []line{{"got", c.Got}, {"wanted", c.Wanted}, {"because", reason}, {"next", c.Next}})
}

// line writes a text with a label before it.
type line struct{ label, text string }

// lines writes non-empty texts, indented; further lines of a text align with its first.
func (t *Table) lines(indent int, all []line) {
	for _, l := range all {
		if l.text != "" {
			text := strings.ReplaceAll(strings.TrimSpace(l.text), "\n", "\n"+strings.Repeat(" ", indent+9))
			t.print("%s%s  %s\n", strings.Repeat(" ", indent), t.paint(dim, fmt.Sprintf("%-7s", l.label)), text)
		}
	}
}

// headline returns the text next to a check's name.
func headline(c check.Result) string {
	if c.Detail != "" {
		return c.Detail
	}
	return c.Reason
}

// End writes the last line and returns the first error of the whole table.
func (t *Table) End(r check.Report) error {
	parts := []string{fmt.Sprintf("%d passed", r.Count(check.StatusPassed))}
	for _, s := range []check.Status{check.StatusFailed, check.StatusNotRun} {
		if n := r.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	verdict, style := "FAILED", red
	if r.OK() {
		verdict, style = "ok", green
	}
	t.print("\n%s  %d checks: %s, in %s\n", t.paint(style, verdict), len(r.Checks), strings.Join(parts, ", "), seconds(r.Took))
	return t.err
}

// WriteTable writes a whole report at once.
func WriteTable(w io.Writer, r check.Report, colour bool) error {
	ids := make([]check.ID, len(r.Checks))
	for i, c := range r.Checks {
		ids[i] = c.ID
	}
	t := NewTable(w, r.Title, ids, colour)
	for _, c := range r.Checks {
		t.Row(c)
	}
	return t.End(r)
}

func (t *Table) print(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
)

func (t *Table) paint(s style, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// badge returns a status, seven columns wide with or without colour.
func (t *Table) badge(s check.Status) string {
	switch s {
	case check.StatusPassed:
		return t.paint(green, "ok     ")
	case check.StatusNotRun:
		return t.paint(yellow, "not run")
	default:
		return t.paint(red, "FAILED ")
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
