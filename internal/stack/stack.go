// Package stack drives one stack of the program through Pulumi: it brings it up,
// reports its outputs, and tears it down.
//
// It works on a copy of the project file and the stack file, because Pulumi writes into
// both; the repository stays unchanged. An update that was interrupted, by a kill or a
// machine that went down, is cleaned up before the next one: no one has to know Pulumi's
// repair commands, and nothing that holds data is ever deleted for it.
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

// Options say which stack, and with what it is driven.
type Options struct {
	// Name is the stack's: its settings are in Pulumi.<name>.yaml.
	Name string
	// File is the stack file; empty for Pulumi.<name>.yaml in Repository.
	File string
	// Repository is the folder of the program.
	Repository string
	// Home is where the state is.
	Home datadir.Home
	// PulumiRoot is where Pulumi is: bin/pulumi, and its language host beside it.
	PulumiRoot string
	// PulumiHome is where Pulumi's plugins are.
	PulumiHome string
	// Program is a binary that runs the program when Pulumi starts it; empty to
	// compile the program in Repository.
	Program string
	// Plugin is the folder of the project's own Pulumi plugin; empty for the one that the project
	// file names.
	Plugin string
	// Environment is what Pulumi and the program need beside the caller's own
	// variables, such as where a compiler may keep its cache.
	Environment map[string]string
	// PolicyPacks are the folders of the policy packs that every update and preview must pass.
	PolicyPacks []string
	// Docker is the host that the stack is on; nil to read the state alone.
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
	// notes is what an update or a removal has left alone, where that may surprise, and
	// what became of people.
	notes []string
	// advice are the violations of policies that stopped nothing.
	advice []string
}

// Summary is what an update or a removal came to: its changes, what it has left
// alone, where that may surprise, and what became of people.
func (s *Stack) Summary(changes Changes) string {
	return strings.Join(append([]string{changes.String()}, s.notes...), "; ")
}

// Note adds something that the operation has left alone, or done to a person, to its summary.
func (s *Stack) Note(text string) { s.notes = append(s.notes, text) }

// NoteFirst is Note at the front: the end of a long line is not shown.
func (s *Stack) NoteFirst(text string) { s.notes = slices.Insert(s.notes, 0, text) }

// ClearNotes drops the notes so far, of an operation that was only a part of another one.
func (s *Stack) ClearNotes() { s.notes = nil }

// place is where a stack's files are.
type place struct {
	// mirror is the folder of the copies for Pulumi.
	mirror string
	// scratch is a folder to be removed in the end; empty where there is none.
	scratch string
	// backendURL is a state in place of the stack's own; empty for that.
	backendURL string
}

// Settings reads and checks the settings of a stack: those of file, or of
// Pulumi.<name>.yaml in the repository where file is empty.
func Settings(repository, name, file string) (*config.Config, error) {
	file = FileOf(repository, name, file)
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("stack %q: no stack file %s; the stacks are those with a file Pulumi.<stack>.yaml", name, file)
	}
	return config.LoadFile(filepath.Join(repository, projectFile), file)
}

// FileOf is the stack file: the one that is named, or the one in the repository.
func FileOf(repository, name, file string) string {
	if file != "" {
		return file
	}
	return filepath.Join(repository, "Pulumi."+name+".yaml")
}

// Open checks the settings and finds the stack in the state, or makes an empty
// one there. Nothing on the Docker host is touched.
func Open(ctx context.Context, options Options) (*Stack, error) {
	return open(ctx, options, ownPlace(options), auto.UpsertStackLocalSource)
}

// OpenExisting is Open for a stack that is there; ErrNotUp is wrapped when it is not.
func OpenExisting(ctx context.Context, options Options) (*Stack, error) {
	s, err := open(ctx, options, ownPlace(options), auto.SelectStackLocalSource)
	if isMissing(err) {
		return nil, notUp(options.Name)
	}
	return s, err
}

func ownPlace(options Options) place { return place{mirror: options.Home.Stack(options.Name)} }

// isMissing says whether the state has no stack of that name. The SDK asks the
// error itself and not what it wraps.
func isMissing(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if auto.IsSelectStack404Error(err) {
			return true
		}
	}
	return false
}

func notUp(name string) error {
	return fmt.Errorf("stack %q: %w; deploy it with `mlflow-sso up --stack %s`", name, ErrNotUp, name)
}

// source finds a stack in the state.
type source func(ctx context.Context, name, folder string, options ...auto.LocalWorkspaceOption) (auto.Stack, error)

func open(ctx context.Context, options Options, at place, in source) (*Stack, error) {
	options.File = FileOf(options.Repository, options.Name, options.File)
	settings, err := Settings(options.Repository, options.Name, options.File)
	if err != nil {
		return nil, err
	}
	s := &Stack{Options: options, Config: settings, place: at}
	if err := s.writeMirror(); err != nil {
		return nil, err
	}
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

// environment is what Pulumi gets alongside the caller's own variables, which
// win: a team has its own state and its own passphrase.
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

// Outputs are what the stack reports about itself, secrets in clear text. ErrNotUp is
// wrapped when there are none.
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
		return deployed, notUp(s.Name)
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
