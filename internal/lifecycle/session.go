package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/machine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// Selection selects a stack: by its name, and by the file with its settings, empty for the one in
// the repository.
type Selection struct {
	Name, File string
	// Warn receives the settings whenever they are read, to report deprecated names; may be nil.
	Warn func(*config.Config)
}

// settings reads the stack's settings, of the program in root; empty for the copies of the last update.
func (w Selection) settings(root string) (*config.Config, error) {
	if root == "" {
		return w.copies()
	}
	settings, err := stack.Settings(root, w.Name, w.File)
	if w.Warn != nil {
		w.Warn(settings)
	}
	return settings, err
}

// copies reads the settings of the last update.
func (w Selection) copies() (*config.Config, error) {
	at, _ := datadir.Existing()
	return stack.Settings(at.Stack(w.Name), w.Name, w.File)
}

// Flags returns the flags that select the same stack, for messages.
func (w Selection) Flags() string {
	if w.File == "" {
		return "--stack " + w.Name
	}
	return "--stack " + w.Name + " --file " + w.File
}

// Session runs workflows on stacks of this machine.
type Session struct {
	// Err receives progress and warnings.
	Err io.Writer
	// Verify verifies the logins of a running stack and reports them. With quiet the report stays
	// off standard output.
	Verify func(ctx context.Context, deployed outputs.Stack, quiet bool) error
	// Source is the source of Pulumi and its plugins.
	Source toolchain.Source
	// PolicyPacks are the folders of policy packs that Up and Preview must pass.
	PolicyPacks []string
}

func (n *Session) log() *progress.Log { return progress.New(n.Err) }

// Do runs a function on a stack, which it creates empty if necessary, as a progress step, after
// preparing the machine.
func (n *Session) Do(ctx context.Context, which Selection, title string, do func(context.Context, *progress.Step, *stack.Stack) error) (err error) {
	from, err := which.program()
	if err != nil {
		return err
	}
	which.File = from.File
	// Report a mistake in the settings before preparing the machine, which takes minutes.
	settings, err := which.settings(from.Repository)
	if err != nil {
		return err
	}
	if err := refuseForeign(ctx, which.Name, settings.Name); err != nil {
		return err
	}
	log := n.log()
	ready, err := machine.Prepare(ctx, log, from.Repository, machine.Options{
		Base: settings.Images.Base, Date: settings.Images.Date, Source: n.Source,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ready.Docker.Close()) }()
	options, err := stackOptions(which, ready)
	if err != nil {
		return err
	}
	options.PolicyPacks = n.PolicyPacks
	s, err := stack.Open(ctx, options)
	if err != nil {
		return err
	}
	defer func() { n.warn(s.Advice()) }()
	return log.Step(ctx, title, func(ctx context.Context, step *progress.Step) error { return do(ctx, step, s) })
}

// warn writes warnings, one per line.
func (n *Session) warn(advice []string) {
	for _, text := range advice {
		_, _ = fmt.Fprintf(n.Err, "warning: %s\n", strings.ReplaceAll(text, "\n", " "))
	}
}

// Destroy removes a stack, see [Destroy]. It does not start Docker: without a daemon, nothing of
// the stack runs either.
func (n *Session) Destroy(ctx context.Context, which Selection, data bool) (err error) {
	from, err := which.program()
	if err != nil {
		return err
	}
	root := from.Repository
	which.File = from.File
	settings, err := which.settings(root)
	if err != nil {
		return err
	}
	if err := refuseForeign(ctx, which.Name, settings.Name); err != nil {
		return err
	}
	at, err := datadir.Open()
	if err != nil {
		return err
	}
	if !stack.MightExist(at, which.Name) {
		_, err := fmt.Fprintf(n.Err, "stack %s was never deployed from %s: there is nothing to remove\n", which.Name, at.Dir())
		return err
	}
	docker, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	log := n.log()
	tools, err := machine.EnsureToolchain(ctx, log, at, root, n.Source)
	if err != nil {
		return err
	}
	options, err := stackOptions(which, &machine.Machine{Root: root, Home: at, Docker: docker, Toolchain: tools})
	if err != nil {
		return err
	}
	s, err := stack.Open(ctx, options)
	if err != nil {
		return err
	}
	return log.Step(ctx, "stack "+which.Name, func(ctx context.Context, step *progress.Step) error {
		changes, err := Destroy(ctx, s, step, data)
		if err == nil {
			step.Say("%s", s.Summary(changes))
		}
		return err
	})
}

// Find opens a stack in the state for reading only: it installs and starts nothing. It needs no
// working copy for a stack that was deployed from this data directory.
func Find(ctx context.Context, which Selection) (*stack.Stack, error) {
	at, err := datadir.Open()
	if err != nil {
		return nil, err
	}
	from, err := which.source()
	if err != nil {
		return nil, withOthers(ctx, err)
	}
	which.File = from.File
	if !stack.MightExist(at, which.Name) {
		return nil, notInState(ctx, which, from)
	}
	options, err := stackOptions(which, &machine.Machine{Root: from.Repository, Home: at, Toolchain: toolchain.Installed(at)})
	if err != nil {
		return nil, err
	}
	return stack.OpenExisting(ctx, options)
}

// Settings returns a stack's settings.
func Settings(which Selection) (*config.Config, error) {
	from, err := which.source()
	if err != nil {
		return nil, err
	}
	which.File = from.File
	return which.settings(from.Repository)
}

// SetImagesDate sets the date of the Debian packages in the stack file, and returns the file.
func SetImagesDate(which Selection, day time.Time) (string, error) {
	from, err := which.program()
	if err != nil {
		return "", err
	}
	return stack.SetImagesDate(from.Repository, which.Name, from.File, day)
}

// Outputs reads a stack's outputs from the state; it contacts no service.
func Outputs(ctx context.Context, which Selection) (outputs.Stack, error) {
	s, err := Find(ctx, which)
	if err != nil {
		return outputs.Stack{}, err
	}
	return s.Outputs(ctx)
}

func stackOptions(which Selection, m *machine.Machine) (stack.Options, error) {
	program, err := os.Executable()
	if err != nil {
		return stack.Options{}, fmt.Errorf("the tool's own file: %w", err)
	}
	own, err := toolchain.OwnPlugin(m.Home, program)
	return stack.Options{
		Name: which.Name, File: which.File, Repository: m.Root, Home: m.Home, Docker: m.Docker,
		PulumiRoot: m.Toolchain.Root, PulumiHome: m.Toolchain.PulumiHome, Environment: m.Toolchain.Environment, Program: program, Plugin: own,
	}, err
}

// WithBackup runs a function with a stack's backup client.
func WithBackup(ctx context.Context, which Selection, deployed outputs.Stack, do func(backup.Client) error) (err error) {
	if err := requireBackup(which, deployed, "run `mlflow-sso up "+which.Flags()+"`"); err != nil {
		return err
	}
	docker, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	return do(backup.Client{Docker: docker, Container: deployed.Backup.Container})
}

func requireBackup(which Selection, deployed outputs.Stack, next string) error {
	if deployed.Backup.Exists() {
		return nil
	}
	return fmt.Errorf("stack %s has no backup: set `backup` in its stack file (docs/how-to/back-up-and-restore.md), and %s", which.Name, next)
}

// Snapshot takes a snapshot as a progress step.
func (n *Session) Snapshot(ctx context.Context, client backup.Client, deployed outputs.Stack) (taken backup.Snapshot, err error) {
	err = n.log().Step(ctx, "snapshot of "+deployed.Deployment, func(ctx context.Context, step *progress.Step) (err error) {
		taken, err = client.Create(ctx, func(text string) { step.Say("%s", text) })
		return err
	})
	return taken, err
}
