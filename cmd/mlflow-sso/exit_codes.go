package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

// Exit codes, the same for every command.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitChanges  = 3
	exitFindings = 4
	// exitInterrupted is 128 and the number of the signal, as shells report it; 143 is SIGTERM.
	exitInterrupted = 130
)

// exitMeanings is the default meaning of each code. A command may be more specific.
var exitMeanings = map[int]string{
	exitOK:       "success",
	exitFailed:   "a step or a check failed",
	exitUsage:    "a mistake in the arguments",
	exitChanges:  "changes or drift",
	exitFindings: "findings",

	exitInterrupted: "interrupted with Ctrl-C (143: by SIGTERM)",
}

// usageError marks a mistake in the arguments.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCode returns the exit code for a command's error.
func exitCode(err error) int {
	var misuse usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &misuse), errors.Is(err, lifecycle.ErrNoStackFile):
		return exitUsage
	case errors.Is(err, errDrift), errors.Is(err, errChanges):
		return exitChanges
	case errors.Is(err, errFindings), errors.Is(err, errBreaches):
		return exitFindings
	}
	return exitFailed
}

const exitAnnotation = "exit-code-"

// exits annotates a command with more specific meanings of its exit codes.
func exits(meanings map[int]string) map[string]string {
	notes := map[string]string{}
	for code, text := range meanings {
		notes[exitAnnotation+strconv.Itoa(code)] = text
	}
	return notes
}

// exitHelp returns the lines about exit codes in a command's help. Codes 3 and 4 are
// listed where the command can end with them, 130 for all commands together.
func exitHelp(cmd *cobra.Command) string {
	var text strings.Builder
	for _, code := range slices.Sorted(maps.Keys(exitMeanings)) {
		meaning, own := cmd.Annotations[exitAnnotation+strconv.Itoa(code)]
		if !own {
			meaning = exitMeanings[code]
		}
		if own || code <= exitUsage || !cmd.HasParent() {
			fmt.Fprintf(&text, "  %d  %s\n", code, meaning)
		}
	}
	return strings.TrimRight(text.String(), "\n")
}
