package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// renamedCommands lists the commands whose names changed. The old names work for one release.
var renamedCommands = []struct{ old, current string }{
	{"passwords", "credentials"},
	{"certificate", "ca-certificate"},
	{"attack", "security-test"},
}

// renamedFlags lists the flags whose names changed, by command. The old names work for
// one release.
var renamedFlags = []struct{ command, old, current string }{
	{"up", "unrehearsed", "skip-rehearsal"},
	{"upgrade", "rehearse", "rehearse-only"},
	{"upgrade", "back", "rollback"},
	{"upgrade", "accept", "allow-data-loss"},
	{"restore", "of", "source"},
	{"console", "for", "duration"},
	{"break-glass", "for", "duration"},
	{"break-glass", "person", "operator"},
	{"invite", "for", "link-ttl"},
	{"invite", "again", "reset-password"},
	{"destroy", "data", "delete-data"},
	{"token", "format", "output"},
}

// acceptOldNames makes the old names of commands and flags work. Old flags are hidden
// and set the same variable as the current ones.
func acceptOldNames(root *cobra.Command) {
	for _, row := range renamedCommands {
		command := subcommand(root, row.current)
		command.Aliases = append(command.Aliases, row.old)
	}
	for _, row := range renamedFlags {
		flags := subcommand(root, row.command).Flags()
		current := flags.Lookup(row.current)
		flags.AddFlag(&pflag.Flag{
			Name: row.old, Usage: "old name of --" + row.current, Value: current.Value, DefValue: current.DefValue,
			NoOptDefVal: current.NoOptDefVal, Hidden: true,
		})
	}
}

func subcommand(root *cobra.Command, name string) *cobra.Command {
	for _, command := range root.Commands() {
		if command.Name() == name {
			return command
		}
	}
	panic("no command " + name) // a mistake in the tables above, which every test reveals
}

// warnOldNames warns once for each old name that is used. An old name together with the current
// one is an error: it is unclear which value applies.
func warnOldNames(cmd *cobra.Command) error {
	for _, row := range renamedCommands {
		if cmd.Name() == row.current && cmd.CalledAs() == row.old {
			warn(cmd, fmt.Sprintf("command %s is now called %s", row.old, row.current))
		}
	}
	for _, row := range renamedFlags {
		if cmd.Name() != row.command || cmd.Parent() != cmd.Root() || !cmd.Flags().Changed(row.old) {
			continue
		}
		if cmd.Flags().Changed(row.current) {
			return usageError{fmt.Errorf("--%s and --%s: got both, want only --%[2]s, which is the new name of the other", row.old, row.current)}
		}
		warn(cmd, fmt.Sprintf("--%s is now called --%s", row.old, row.current))
	}
	return nil
}

func warn(cmd *cobra.Command, text string) {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s; the old name stops working with the next release\n", text)
}
