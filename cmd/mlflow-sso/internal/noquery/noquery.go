// Package noquery stops an imported terminal library from querying the terminal.
//
// The Pulumi SDK imports bubbletea, whose init queries the terminal's background colour before
// main runs, and waits up to five seconds for the response. termenv, which sends the query, skips
// it in a CI job. So this package sets CI while packages initialize.
//
// Go initializes packages in the order of their import paths once their imports are initialized.
// This package imports only os and comes first; a test in package main checks that. Restore
// undoes it at the start of main.
package noquery

import "os"

const variable = "CI"

var changed = set()

func set() bool {
	if os.Getenv(variable) != "" {
		return false
	}
	return os.Setenv(variable, "true") == nil
}

// Restore removes the variable again, so that neither this program nor its child processes take
// this machine for a CI job.
func Restore() {
	if changed {
		_ = os.Unsetenv(variable)
		changed = false
	}
}
