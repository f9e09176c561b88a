package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// stubbed returns the commands with one whose work is replaced, and the arguments that it
// received.
func stubbed(t *testing.T, name string) (root *cobra.Command, got *map[string]string) {
	t.Helper()
	root, got = newRootCommand(nil), &map[string]string{}
	command := subcommand(root, name)
	command.Args = cobra.ArbitraryArgs
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		cmd.Flags().Visit(func(f *pflag.Flag) { (*got)[f.Name] = f.Value.String() })
		return nil
	}
	return root, got
}

func TestEveryOldFlagWorksWarnsAndEqualsTheNewOne(t *testing.T) {
	values := map[string]string{"bool": "", "duration": "=7m", "string": "=x", "stringSlice": "=x", "format": "=env"}
	for _, row := range renamedFlags {
		t.Run(row.command+" "+row.old, func(t *testing.T) {
			set := map[string]string{}
			for _, name := range []string{row.old, row.current} {
				root, got := stubbed(t, row.command)
				value, ok := values[subcommand(root, row.command).Flags().Lookup(row.current).Value.Type()]
				require.True(t, ok)
				var stderr bytes.Buffer
				require.Zero(t, runRoot(t.Context(), root, []string{row.command, "--" + name + value}, io.Discard, &stderr), stderr.String())
				set[name] = subcommand(root, row.command).Flags().Lookup(row.current).Value.String()
				require.NotEmpty(t, (*got)[name])
				if name == row.current {
					require.Empty(t, stderr.String())
					continue
				}
				require.Equal(t, "warning: --"+row.old+" is now called --"+row.current+"; the old name stops working with the next release\n", stderr.String())
			}
			require.Equal(t, set[row.current], set[row.old])

			root, _ := stubbed(t, row.command)
			flags := subcommand(root, row.command).Flags()
			require.NotEqual(t, flags.Lookup(row.current).Value.String(), set[row.current], "the value has to differ from the default")
			require.True(t, flags.Lookup(row.old).Hidden)
			value := values[flags.Lookup(row.current).Value.Type()]
			var stderr bytes.Buffer
			require.Equal(t, exitUsage, runRoot(t.Context(), root, []string{row.command, "--" + row.old + value, "--" + row.current + value}, io.Discard, &stderr))
			require.Contains(t, stderr.String(), "--"+row.old+" and --"+row.current)
		})
	}
}

func TestEveryOldCommandWorksWarnsAndEqualsTheNewOne(t *testing.T) {
	for _, row := range renamedCommands {
		failed := errors.New("the state is read")
		root := newRootCommand(func(context.Context, stackFlags) (outputs.Stack, error) { return outputs.Stack{}, failed })
		var old, current bytes.Buffer
		require.Equal(t, exitFailed, runRoot(t.Context(), root, []string{row.old}, io.Discard, &old))
		require.Equal(t, exitFailed, runRoot(t.Context(), root, []string{row.current}, io.Discard, &current))

		require.Equal(t, "error: the state is read\n", current.String())
		require.Equal(t, "warning: command "+row.old+" is now called "+row.current+"; the old name stops working with the next release\n"+current.String(), old.String())
	}
}
