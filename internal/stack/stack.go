// Package stack drives one stack of the program through Pulumi: it brings it up, reads its
// outputs, and tears it down.
//
// It works on a copy of the project file and the stack file, because Pulumi writes into both; the
// repository stays unchanged. An interrupted update, after a kill or a crash of the machine, is
// cleaned up before the next one: users need not know Pulumi's repair commands, and the cleanup
// never deletes data.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// ErrNotUp is wrapped when a command needs a stack that was never brought up.
var ErrNotUp = errors.New("the stack is not up")

// ErrNoStackFile is wrapped when the settings of a stack are not where they should be.
var ErrNoStackFile = errors.New("no stack file")

// Options select the stack, and the tools that drive it.
type Options struct {
	// Name is the stack's: its settings are in Pulumi.<name>.yaml.
	Name string
	// File is the stack file; empty for Pulumi.<name>.yaml in Repository.
	File string
	// Repository is the folder of the program; empty to read the state alone, with the copies of
	// the last update.
	Repository string
	// Home contains the state.
	Home datadir.Home
	// PulumiRoot contains bin/pulumi and its language host.
	PulumiRoot string
	// PulumiHome contains Pulumi's plugins.
	PulumiHome string
	// Program is a binary that runs the program for Pulumi; empty to compile the program in
	// Repository.
	Program string
	// Plugin is the folder of the project's own Pulumi plugin; empty for the one in the project
	// file.
	Plugin string
	// Environment is what Pulumi and the program need in addition to the caller's variables, such
	// as the folder of a compiler's cache.
	Environment map[string]string
	// PolicyPacks are the folders of the policy packs that every update and preview must pass.
	PolicyPacks []string
	// Docker is the host of the stack; nil to read only the state.
	Docker *engine.Engine
}

// Stack is one stack.
type Stack struct {
	Options
	// Config are the settings in the stack file.
	Config *config.Config

	place
	pulumi auto.Stack
	// lastOutputs are the outputs of the last update; nil before one.
	lastOutputs auto.OutputMap
	// notes are surprising omissions of an update or a removal, and what happened to users.
	notes []string
	// advice are the violations of advisory policies.
	advice []string
}

// Summary returns the result of an update or a removal: its changes, surprising omissions, and
// what happened to users.
func (s *Stack) Summary(changes Changes) string {
	return strings.Join(append([]string{changes.String()}, s.notes...), "; ")
}

// Note adds to the summary what the operation has omitted, or done to a user.
func (s *Stack) Note(text string) { s.notes = append(s.notes, text) }

// NoteFirst is Note at the front: the end of a long line is not shown.
func (s *Stack) NoteFirst(text string) { s.notes = slices.Insert(s.notes, 0, text) }

// ClearNotes drops the notes so far, of an operation that was only a part of another one.
func (s *Stack) ClearNotes() { s.notes = nil }

// place is the location of a stack's files.
type place struct {
	// mirror is the folder of the copies for Pulumi.
	mirror string
	// scratch is a folder to be removed in the end; empty if there is none.
	scratch string
	// backendURL is a state that replaces the stack's own; empty for the stack's own.
	backendURL string
}

// Settings reads and validates the settings of a stack: those of file, or of Pulumi.<name>.yaml
// in the repository if file is empty.
func Settings(repository, name, file string) (*config.Config, error) {
	file = FileOf(repository, name, file)
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("stack %q: %w %s; %s", name, ErrNoStackFile, file, known(repository))
	}
	return config.LoadFile(filepath.Join(repository, projectFile), file)
}

// known says which stacks a repository has.
func known(repository string) string {
	files, err := filepath.Glob(filepath.Join(repository, "Pulumi.*.yaml"))
	if err != nil || len(files) == 0 {
		return "the stacks are those with a file Pulumi.<stack>.yaml"
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
	}
	return "want one of " + strings.Join(files, ", ") + ", or --file with another one"
}

// FileOf returns the stack file: the given one, or the one in the repository.
func FileOf(repository, name, file string) string {
	if file != "" {
		return file
	}
	return filepath.Join(repository, "Pulumi."+name+".yaml")
}

// Open validates the settings and finds the stack in the state, or creates an empty one there. It
// touches nothing on the Docker host.
func Open(ctx context.Context, options Options) (*Stack, error) {
	s, err := open(ctx, options, ownPlace(options), auto.UpsertStackLocalSource)
	if err != nil {
		return nil, err
	}
	return s, s.rememberSource()
}

// OpenExisting is Open for an existing stack; ErrNotUp is wrapped if it does not exist.
func OpenExisting(ctx context.Context, options Options) (*Stack, error) {
	s, err := open(ctx, options, ownPlace(options), auto.SelectStackLocalSource)
	if isMissing(err) {
		return nil, NotUp(options.Name)
	}
	return s, err
}

func ownPlace(options Options) place { return place{mirror: options.Home.Stack(options.Name)} }

// isMissing reports whether the state has no stack of that name. The SDK checks the error itself
// and not what it wraps.
func isMissing(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if auto.IsSelectStack404Error(err) {
			return true
		}
	}
	return false
}

// NotUp is the error for a stack that was never brought up.
func NotUp(name string) error {
	return fmt.Errorf("stack %q: %w; deploy it with `mlflow-sso up --stack %s`", name, ErrNotUp, name)
}

// source finds a stack in the state.
type source func(ctx context.Context, name, folder string, options ...auto.LocalWorkspaceOption) (auto.Stack, error)

func open(ctx context.Context, options Options, at place, in source) (*Stack, error) {
	if options.Repository == "" {
		return openCopies(ctx, options, at, in)
	}
	options.File = FileOf(options.Repository, options.Name, options.File)
	settings, err := Settings(options.Repository, options.Name, options.File)
	if err != nil {
		return nil, err
	}
	s := &Stack{Options: options, Config: settings, place: at}
	if err := s.writeMirror(); err != nil {
		return nil, err
	}
	return s.attach(ctx, in)
}

// openCopies opens a stack with the copies of the last update. They stay as they are.
func openCopies(ctx context.Context, options Options, at place, in source) (*Stack, error) {
	own := filepath.Join(at.mirror, "Pulumi."+options.Name+".yaml")
	if _, err := os.Stat(own); err != nil {
		return nil, NotUp(options.Name)
	}
	if options.File == "" {
		options.File = own
	}
	settings, err := config.LoadFile(filepath.Join(at.mirror, projectFile), options.File)
	if err != nil {
		return nil, err
	}
	s := &Stack{Options: options, Config: settings, place: at}
	return s.attach(ctx, in)
}

// attach finds the stack in the state.
func (s *Stack) attach(ctx context.Context, in source) (*Stack, error) {
	options := s.Options
	if err := s.repairAttributes(); err != nil {
		return nil, err
	}
	environment, err := s.environment()
	if err != nil {
		return nil, err
	}
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: options.PulumiRoot})
	if err != nil {
		return nil, fmt.Errorf("pulumi in %s: %w; `mlflow-sso bootstrap` puts it there", options.PulumiRoot, err)
	}
	s.pulumi, err = in(ctx, options.Name, s.mirror,
		auto.Pulumi(command), auto.PulumiHome(options.PulumiHome), auto.EnvVars(environment))
	if err != nil {
		return nil, fmt.Errorf("stack %q: %w", options.Name, explain(err, nil))
	}
	return s, nil
}

// environment returns Pulumi's variables, which the caller's own override: a team has its own
// state and its own passphrase.
func (s *Stack) environment() (map[string]string, error) {
	environment := map[string]string{"PULUMI_BACKEND_URL": s.backend(), pulumiplugin.DeferVariable: "true"}
	maps.Copy(environment, s.Environment)
	if len(s.PolicyPacks) > 0 {
		if err := pluginsOnPath(); err != nil {
			return nil, err
		}
		environment["PULUMI_IGNORE_AMBIENT_PLUGINS"] = "false"
	}
	if s.Plugin != "" {
		environment[pulumiplugin.FolderVariable] = s.Plugin
	}
	if os.Getenv("TMPDIR") == "" {
		temporary, err := s.Home.Temporary()
		if err != nil {
			return nil, err
		}
		environment["TMPDIR"] = temporary
	}
	_, typed := os.LookupEnv("PULUMI_CONFIG_PASSPHRASE")
	if !typed && os.Getenv("PULUMI_CONFIG_PASSPHRASE_FILE") == "" {
		if err := s.Home.EnsurePassphrase(); err != nil {
			return nil, err
		}
		environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = s.Home.Passphrase()
	}
	return environment, nil
}

// Outputs returns the stack's outputs, secrets in plain text. ErrNotUp is wrapped if there are
// none.
func (s *Stack) Outputs(ctx context.Context) (outputs.Stack, error) {
	var deployed outputs.Stack
	values := s.lastOutputs
	if values == nil {
		var err error
		if values, err = s.pulumi.Outputs(ctx); err != nil {
			return deployed, fmt.Errorf("outputs of stack %q: %w", s.Name, explain(err, nil))
		}
	}
	if len(values) == 0 {
		return deployed, NotUp(s.Name)
	}
	plain := map[string]any{}
	for name, value := range values {
		plain[name] = value.Value
	}
	encoded, err := json.Marshal(plain)
	if err != nil {
		return deployed, fmt.Errorf("outputs of stack %q: %w", s.Name, err)
	}
	if err := json.Unmarshal(encoded, &deployed); err != nil {
		return deployed, fmt.Errorf("outputs of stack %q are not what this version writes: %w; run `mlflow-sso up --stack %s`", s.Name, err, s.Name)
	}
	return deployed, nil
}
