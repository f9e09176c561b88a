package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// stackFlags select the stack that a command works on.
type stackFlags struct {
	name, file string
	warnings   *warnings
}

// addTo adds --stack and --file to every command.
func (c *stackFlags) addTo(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&c.name, "stack", "dev", "`NAME` of the stack")
	flags.StringVar(&c.file, "file", "", "stack `FILE` with the settings (default Pulumi.<stack>.yaml)")
	_ = root.RegisterFlagCompletionFunc("stack", completeStacks)
	_ = root.MarkPersistentFlagFilename("file", "yaml", "yml")
}

// asFlags returns the flags that select the same stack, for messages.
func (c *stackFlags) asFlags() string {
	if c.file == "" {
		return "--stack " + c.name
	}
	return "--stack " + c.name + " --file " + c.file
}

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

// settings reads and validates the stack's settings.
func (c *stackFlags) settings(root string) (*config.Config, error) {
	settings, err := stack.Settings(root, c.name, c.file)
	c.warnings.write(settings)
	return settings, err
}

// open opens the stack, a new one if there was none, on a prepared machine.
func (c *stackFlags) open(ctx context.Context, m *machine) (*stack.Stack, error) {
	options, err := c.options(m)
	if err != nil {
		return nil, err
	}
	return stack.Open(ctx, options)
}

// openExisting opens a stack only to read its state: nothing is installed or started.
func (c *stackFlags) openExisting(ctx context.Context) (*stack.Stack, error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return nil, err
	}
	if _, err := c.settings(root); err != nil {
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

// outputsInState reads the outputs of a stack from its state and contacts no service.
func outputsInState(ctx context.Context, which stackFlags) (outputs.Stack, error) {
	s, err := which.openExisting(ctx)
	if err != nil {
		return outputs.Stack{}, err
	}
	return s.Outputs(ctx)
}

// onStack prepares the machine, opens the stack and runs do as a step.
func onStack(cmd *cobra.Command, which stackFlags, title string, do func(context.Context, *progress.Step, *stack.Stack) error) (err error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return err
	}
	// A mistake in the settings is reported before the machine is prepared, which can take minutes.
	settings, err := which.settings(root)
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
