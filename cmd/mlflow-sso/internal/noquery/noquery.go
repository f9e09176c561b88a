// Package noquery stops an imported terminal library from querying the terminal.
//
// The Pulumi SDK imports bubbletea, whose init asks the terminal for its background
// colour and waits up to five seconds for the answer, before main runs. termenv, which
// asks, leaves a terminal alone in a CI job. So CI is set while packages initialize.
//
// Go initializes packages in the order of their import paths once their imports are
// initialized. This package imports only os and comes first; a test in package main
// holds that. Restore undoes it at the start of main.
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

// Restore removes the variable again, so that neither this program nor the programs that
// it starts take this machine for a CI job.
func Restore() {
	if changed {
		_ = os.Unsetenv(variable)
		changed = false
	}
}
