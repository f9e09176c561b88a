package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/pflag"
)

// format is how a command writes its result: a table for people, or JSON.
type format string

const (
	asTable format = "table"
	asJSON  format = "json"
)

// flag adds --output to a command's flags, for a table unless it is given.
func (f *format) flag(flags *pflag.FlagSet) {
	*f = asTable
	flags.VarP(f, "output", "", "`FORMAT` of the result, table or json")
}

// Set, String and Type make it a flag's value.
func (f *format) Set(text string) error {
	switch got := format(text); got {
	case asTable, asJSON:
		*f = got
		return nil
	}
	return errors.New("want table or json")
}

func (f *format) String() string { return string(*f) }

// Type is what help calls the value where the usage has no name for it.
func (f *format) Type() string { return "format" }

// writeJSON writes a result for machines.
func writeJSON(w io.Writer, result any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}
