package report

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// Colour reports whether w should get colours: it is a terminal, and neither
// NO_COLOR nor TERM=dumb asks for none.
func Colour(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Table writes a report for people, row by row as the checks end, so that a
// person sees how far a command is.
type Table struct {
	w      io.Writer
	colour bool
	width  int
	err    error
}

// NewTable begins a table for checks of the given names.
func NewTable(w io.Writer, title string, names []string, colour bool) *Table {
	t := &Table{w: w, colour: colour}
	for _, name := range names {
		t.width = max(t.width, utf8.RuneCountInString(name))
	}
	t.print("%s\n\n", t.paint(bold, title))
	return t
}

// Row writes one check.
func (t *Table) Row(c Check) {
	took := ""
	if c.Status != NotRun {
		took = seconds(c.Took)
	}
	name := c.Name + strings.Repeat(" ", max(0, t.width-utf8.RuneCountInString(c.Name)))
	row := fmt.Sprintf("  %s  %s  %6s  %s", t.badge(c.Status), name, took, headline(c))
	t.print("%s\n", strings.TrimRight(row, " "))
	if c.Status == Passed {
		return
	}
	reason := c.Reason
	if headline(c) == reason {
		reason = ""
	}
	for _, line := range []struct{ label, text string }{
		{"got", c.Got}, {"wanted", c.Wanted}, {"because", reason}, {"next", c.Next},
	} {
		if line.text != "" {
			t.print("             %s  %s\n", t.paint(dim, fmt.Sprintf("%-7s", line.label)), indent(line.text))
		}
	}
}

// headline is the text beside a check's name.
func headline(c Check) string {
	if c.Detail != "" {
		return c.Detail
	}
	return c.Reason
}

// End writes the last line and returns the first error of the whole table.
func (t *Table) End(r Report) error {
	parts := []string{fmt.Sprintf("%d passed", r.count(Passed))}
	for _, s := range []Status{Failed, NotRun} {
		if n := r.count(s); n > 0 {
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
func WriteTable(w io.Writer, r Report, colour bool) error {
	names := make([]string, len(r.Checks))
	for i, c := range r.Checks {
		names[i] = c.Name
	}
	t := NewTable(w, r.Title, names, colour)
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

// badge is a status, seven columns wide with or without colour.
func (t *Table) badge(s Status) string {
	switch s {
	case Passed:
		return t.paint(green, "ok     ")
	case NotRun:
		return t.paint(yellow, "not run")
	default:
		return t.paint(red, "FAILED ")
	}
}

// indent puts the further lines of a text under its first.
func indent(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", 22))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
