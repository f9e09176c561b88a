package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagMistake makes what is wrong with a flag a mistake in the arguments, and names the flag that
// was probably meant.
func flagMistake(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		text := fmt.Sprintf("want one of those that `%s --help` lists", cmd.CommandPath())
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			text += "; did you mean --" + near + "?"
		}
		return usageError{fmt.Errorf("%w, %s", err, text)}
	}
	return usageError{err}
}

// nearestFlag returns the flag of a command that is at most two letters from a name, or begins with
// it; empty if there is none.
func nearestFlag(cmd *cobra.Command, name string) (nearest string) {
	least := 3
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		distance := lettersBetween(name, f.Name)
		if len(name) > 1 && strings.HasPrefix(f.Name, name) {
			distance = 1
		}
		if !f.Hidden && len(name) > 1 && distance < least {
			nearest, least = f.Name, distance
		}
	})
	return nearest
}

// lettersBetween is the Levenshtein distance of two words.
func lettersBetween(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// refuseUnknownHelpTopics makes `help` of an unknown command a mistake in the arguments; cobra
// prints a text and reports success.
func refuseUnknownHelpTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, command := range root.Commands() {
		if command.Name() == "help" {
			command.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err == nil && len(rest) == 0 {
					return nil
				}
				if err != nil {
					found, rest = root, args
				}
				return noUnknownCommand(found, rest)
			}
		}
	}
}
