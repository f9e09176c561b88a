package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// format is how a command writes its result: a table, JSON, and for some commands
// further formats, such as Markdown for a comment on GitHub.
type format string

const (
	asTable    format = "table"
	asJSON     format = "json"
	asMarkdown format = "markdown"
	asSARIF    format = "sarif"
	asHTML     format = "html"
)

// flag adds --output to a command, a table by default.
func (f *format) flag(command *cobra.Command, more ...format) {
	f.flagOf(command, append([]format{asTable, asJSON}, more...)...)
}

// flagOf adds --output to a command with the formats that it has; the first is the default.
func (f *format) flagOf(command *cobra.Command, formats ...format) {
	*f = formats[0]
	choice := formatChoice{f, formats}
	command.Flags().VarP(choice, "output", "o", "`FORMAT` of the result, "+choice.list())
	complete(command, "output", choice.words())
}

// formatChoice is a flag's value: one format of several.
type formatChoice struct {
	chosen *format
	from   []format
}

// Set, String and Type make it a flag's value.
func (c formatChoice) Set(text string) error {
	if !slices.Contains(c.from, format(text)) {
		return fmt.Errorf("want %s", c.list())
	}
	*c.chosen = format(text)
	return nil
}

func (c formatChoice) String() string {
	if c.chosen == nil { // pflag calls String on a zero value
		return ""
	}
	return string(*c.chosen)
}

// Type names the value in the help if the usage has no name for it.
func (c formatChoice) Type() string { return "format" }

// words returns the names of the formats.
func (c formatChoice) words() []string {
	names := make([]string, len(c.from))
	for i, f := range c.from {
		names[i] = string(f)
	}
	return names
}

// list is such as "table, json or markdown".
func (c formatChoice) list() string {
	names := c.words()
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// writeJSON writes a result as indented JSON.
func writeJSON(w io.Writer, result any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// writeJSONLine writes one result of many as a line of JSON.
func writeJSONLine(w io.Writer, result any) error { return json.NewEncoder(w).Encode(result) }
