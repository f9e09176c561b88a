package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// stackFlags is the stack that a command works on.
type stackFlags struct{ name, file string }

func (c *stackFlags) flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.name, "stack", "dev", "the `NAME` of the stack")
	flags.StringVar(&c.file, "file", "", "the stack `FILE` with its settings (default Pulumi.<stack>.yaml)")
}

// asFlags are the flags that choose the same stack, to be shown to a person.
func (c *stackFlags) asFlags() string {
	if c.file == "" {
		return "--stack " + c.name
	}
	return "--stack " + c.name + " --file " + c.file
}

// open opens the stack, an empty one where there was none, on a machine that is ready.
func (c *stackFlags) open(ctx context.Context, m *machine) (*stack.Stack, error) {
	options, err := c.options(m)
	if err != nil {
		return nil, err
	}
	return stack.Open(ctx, options)
}

// openExisting opens a stack that is in the state, to read that alone: nothing is
// installed or started for it.
func (c *stackFlags) openExisting(ctx context.Context) (*stack.Stack, error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return nil, err
	}
	at, err := datadir.Open()
	if err != nil {
		return nil, err
	}
	options, err := c.options(&machine{root: root, home: at, toolchain: toolchain.Installed(at)})
	if err != nil {
		return nil, err
	}
	return stack.OpenExisting(ctx, options)
}

func (c *stackFlags) options(m *machine) (stack.Options, error) {
	program, err := os.Executable()
	return stack.Options{
		Name: c.name, File: c.file, Repository: m.root, Home: m.home, Docker: m.docker,
		PulumiRoot: m.toolchain.Root, PulumiHome: m.toolchain.PulumiHome, Environment: m.toolchain.Environment, Program: program,
	}, err
}

// outputsInState reads what a stack tells about itself; no service is asked.
func outputsInState(ctx context.Context, which stackFlags) (outputs.Stack, error) {
	s, err := which.openExisting(ctx)
	if err != nil {
		return outputs.Stack{}, err
	}
	return s.Outputs(ctx)
}

// onStack does something with a stack, on a machine that is ready, as a step.
func onStack(cmd *cobra.Command, which stackFlags, title string, do func(context.Context, *progress.Step, *stack.Stack) error) (err error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return err
	}
	// A mistake in the settings should show before a machine is made ready for minutes.
	settings, err := stack.Settings(root, which.name, which.file)
	if err != nil {
		return err
	}
	log := progress.New(cmd.ErrOrStderr())
	ready, err := prepare(cmd.Context(), log, root, settings.Images.Base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ready.docker.Close()) }()
	s, err := which.open(cmd.Context(), ready)
	if err != nil {
		return err
	}
	return log.Step(cmd.Context(), title, func(ctx context.Context, step *progress.Step) error { return do(ctx, step, s) })
}
