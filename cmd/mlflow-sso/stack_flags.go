package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

// stackFlags select the stack that a command works on.
type stackFlags struct {
	name, file string
	// directory is where the command works as if it was started there; empty for where it was.
	directory string
	warnings  *warnings
}

const fileUsage = "stack `FILE` with the settings (default Pulumi.<stack>.yaml)"

// addTo adds --stack, --file and --cwd to every command.
func (c *stackFlags) addTo(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVarP(&c.name, "stack", "s", "dev", "`NAME` of the stack")
	flags.StringVarP(&c.file, "file", "f", "", fileUsage)
	flags.StringVarP(&c.directory, "cwd", "C", "", "run as if started in this `DIR`")
	_ = root.RegisterFlagCompletionFunc("stack", c.completeStacks)
	_ = root.MarkPersistentFlagFilename("file", "yaml", "yml")
	_ = root.MarkPersistentFlagDirname("cwd")
}

// withoutShortFile gives a command --file without its short form, which it has for another flag.
func (c *stackFlags) withoutShortFile(command *cobra.Command) {
	command.Flags().StringVar(&c.file, "file", "", fileUsage)
	_ = command.MarkFlagFilename("file", "yaml", "yml")
}

// enter goes to the directory of --cwd. Relative paths in other flags are then relative to it.
func (c *stackFlags) enter() error {
	if c.directory == "" {
		return nil
	}
	if err := os.Chdir(c.directory); err != nil {
		return usageError{fmt.Errorf("--cwd: %w", err)}
	}
	c.directory = ""
	return nil
}

// forAllStacks refuses the flags that select a stack, for a command that works on none.
func forAllStacks(cmd *cobra.Command) error {
	for _, flag := range []string{"stack", "file"} {
		if cmd.Flags().Changed(flag) {
			return usageError{fmt.Errorf("--%s: remove this flag: %s is for all stacks", flag, cmd.Name())}
		}
	}
	return nil
}

// selection returns the same stack for the workflows.
func (c *stackFlags) selection() lifecycle.Selection {
	return lifecycle.Selection{Name: c.name, File: c.file, Warn: c.warnings.write}
}

// asFlags returns the flags that select the same stack, for messages.
func (c *stackFlags) asFlags() string { return c.selection().Flags() }

// warnings writes each warning once, however often the settings are read.
type warnings struct {
	w    io.Writer
	seen map[string]bool
}

func newWarnings(w io.Writer) *warnings { return &warnings{w, map[string]bool{}} }

func (w *warnings) write(settings *config.Config) {
	if w == nil || settings == nil {
		return
	}
	for _, text := range settings.Warnings {
		if !w.seen[text] {
			w.seen[text] = true
			_, _ = fmt.Fprintf(w.w, "warning: %s\n", text)
		}
	}
}

// outputsInState reads the outputs of a stack from its state and contacts no service.
func outputsInState(ctx context.Context, which stackFlags) (outputs.Stack, error) {
	return lifecycle.Outputs(ctx, which.selection())
}

// session runs workflows for a command. With a machine-readable result, the report on logins goes
// to standard error.
func session(cmd *cobra.Command, output format) *lifecycle.Session {
	return &lifecycle.Session{Err: cmd.ErrOrStderr(), Verify: func(ctx context.Context, stack outputs.Stack, quiet bool) error {
		out := streams{cmd.OutOrStdout(), cmd.ErrOrStderr()}
		if quiet || output == asJSON {
			out.out = out.err
		}
		return verifyOutputs(ctx, out, stack, asTable)
	}}
}
