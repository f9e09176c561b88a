// Package reference writes the generated pages of docs/reference: the commands from
// cobra, the settings from package config.
package reference

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const written = "<!-- Written by `make golden`. Do not edit. -->\n\n"

// Renamed is an old name and the current one.
type Renamed struct{ Old, New string }

// CLI returns the page of a command and its subcommands. Exits returns the exit codes of
// a command as in its help.
func CLI(root *cobra.Command, exits func(*cobra.Command) string, renamed []Renamed) string {
	var page strings.Builder
	page.WriteString(written + "# Command reference\n\n" + root.Long + "\n\n")
	fmt.Fprintf(&page, "Exit codes of all commands:\n\n```text\n%s\n```\n\n", exits(root))
	fmt.Fprintf(&page, "Flags of all commands:\n\n```text\n%s```\n\n", root.PersistentFlags().FlagUsages())
	for _, group := range root.Groups() {
		fmt.Fprintf(&page, "## %s\n\n", strings.TrimSuffix(group.Title, ":"))
		for _, command := range root.Commands() {
			if command.GroupID == group.ID && command.Runnable() && command.IsAvailableCommand() {
				section(&page, command, exits)
			}
		}
	}
	page.WriteString("## Renamed commands and flags\n\nThe old names work for one release, with a warning.\n\n| old | new |\n|---|---|\n")
	for _, row := range renamed {
		fmt.Fprintf(&page, "| `%s` | `%s` |\n", row.Old, row.New)
	}
	return page.String()
}

func section(page *strings.Builder, command *cobra.Command, exits func(*cobra.Command) string) {
	fmt.Fprintf(page, "### %s\n\n%s.\n\n```text\n%s\n```\n\n%s\n\n", command.CommandPath(), command.Short, command.UseLine(), command.Long)
	if flags := visibleFlags(command); flags != "" {
		fmt.Fprintf(page, "```text\n%s```\n\n", flags)
	}
	fmt.Fprintf(page, "```sh\n%s\n```\n\n", outdent(command.Example))
	fmt.Fprintf(page, "```text\nExit codes:\n%s\n```\n\n", exits(command))
	for _, child := range command.Commands() {
		if child.IsAvailableCommand() {
			section(page, child, exits)
		}
	}
}

func visibleFlags(command *cobra.Command) string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	command.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			flags.AddFlag(f)
		}
	})
	return flags.FlagUsages()
}

func outdent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}
