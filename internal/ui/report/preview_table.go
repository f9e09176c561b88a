package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// longest is the maximum length of a value on a terminal.
const longest = 100

// WriteChanges writes a preview for a terminal. Data loss comes last, where it is visible.
func WriteChanges(w io.Writer, p Preview, colour bool) error {
	t := &Table{w: w, colour: colour}
	t.print("%s\n", t.paint(bold, "preview of stack "+p.Stack+": "+p.Summary()))
	width := 0
	for _, c := range p.Changes {
		width = max(width, utf8.RuneCountInString(c.Resource))
	}
	for i, c := range p.Changes {
		if i == 0 || len(c.Properties) > 0 || len(p.Changes[i-1].Properties) > 0 {
			t.print("\n")
		}
		t.change(c, width)
	}
	losses := p.losses()
	if len(losses) > 0 {
		t.print("\n%s\n", t.paint(red, "DATA WOULD BE LOST"))
	}
	for _, c := range losses {
		t.print("  %s, which would be %s: %s\n", c.Resource, c.Outcome, c.DataLoss)
	}
	return t.err
}

func (t *Table) change(c Change, width int) {
	row := fmt.Sprintf("  %s  %s  %s", t.outcome(c), pad(c.Resource, width), c.Kind)
	if c.Why != "" {
		row += ", " + c.Why
	}
	t.print("%s\n", row)
	width = 0
	for _, p := range c.Properties {
		width = max(width, utf8.RuneCountInString(p.Name))
	}
	for _, p := range c.Properties {
		text := difference(p, longest)
		if p.Forces {
			text += t.paint(yellow, "  forces the replacement")
		}
		t.print("            %s  %s\n", t.paint(dim, pad(plain(p.Name), width)), text)
	}
}

// difference is a property's old value and its new one.
func difference(p Property, most int) string {
	switch {
	case p.Old == nil:
		return "none → " + value(p.New, most)
	case p.New == nil:
		return value(p.Old, most) + " → none"
	}
	return value(p.Old, most) + " → " + value(p.New, most)
}

// outcome is eight columns wide with or without colour.
func (t *Table) outcome(c Change) string {
	text := pad(string(c.Outcome), 8)
	switch {
	case c.DataLoss != "":
		return t.paint(red, text)
	case c.Outcome == Created:
		return t.paint(green, text)
	default:
		return t.paint(yellow, text)
	}
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
