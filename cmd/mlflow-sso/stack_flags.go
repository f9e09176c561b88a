package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

// chosen is the stack that a command works on.
type chosen struct{ name, file string }

func (c *chosen) flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.name, "stack", "dev", "the `NAME` of the stack")
	flags.StringVar(&c.file, "file", "", "the stack `FILE` with its settings (default Pulumi.<stack>.yaml)")
}

// selection is the same for the workflows.
func (c *chosen) selection() lifecycle.Selection {
	return lifecycle.Selection{Name: c.name, File: c.file}
}

// asFlags are the flags that choose the same stack, to be shown to a person.
func (c *chosen) asFlags() string { return c.selection().Flags() }

// outputsInState reads what a stack tells about itself; no service is asked.
func outputsInState(ctx context.Context, which chosen) (outputs.Stack, error) {
	return lifecycle.Outputs(ctx, which.selection())
}

// session carries out workflows for a command. Where its result is for a machine, the report
// on logins goes to standard error.
func session(cmd *cobra.Command, output format) *lifecycle.Session {
	return &lifecycle.Session{Err: cmd.ErrOrStderr(), Verify: func(ctx context.Context, told outputs.Stack, quiet bool) error {
		out := streams{cmd.OutOrStdout(), cmd.ErrOrStderr()}
		if quiet || output == asJSON {
			out.out = out.err
		}
		return verifyOutputs(ctx, out, told, asTable)
	}}
}
