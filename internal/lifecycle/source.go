package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/inventory"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// ErrForeign is wrapped where a deployment runs on this host and its state is not this user's.
var ErrForeign = errors.New("the state of this deployment is not here")

// ErrNoStackFile is wrapped when the settings of a stack are not where they should be.
var ErrNoStackFile = stack.ErrNoStackFile

// source finds the program and the stack file: those of the working copy around the current
// directory, else those that the stack was deployed from last. Without a repository, there is
// neither, and the state can be read with the copies of the last update.
func (w Selection) source() (stack.Source, error) {
	root, missing := workingcopy.Find(".")
	last, known := w.lastSource()
	if missing != nil && known {
		if found, err := workingcopy.Find(last.Repository); err == nil && found == last.Repository {
			root, missing = found, nil
		}
	}
	if missing != nil && !known {
		return stack.Source{}, fmt.Errorf("stack %s was never deployed from %s, and %w", w.Name, datadir.Place(), missing)
	}
	if root == "" || w.File != "" || exists(stack.FileOf(root, w.Name, "")) {
		return stack.Source{Repository: root, File: w.File}, nil
	}
	switch {
	case exists(last.File):
		return stack.Source{Repository: root, File: last.File}, nil
	case known:
		return stack.Source{}, nil // the stack file is gone, and the copies are not
	}
	return stack.Source{Repository: root}, nil
}

// program is source for what runs the program: it has to be there.
func (w Selection) program() (stack.Source, error) {
	from, err := w.source()
	if err != nil || from.Repository != "" {
		return from, err
	}
	last, _ := w.lastSource()
	root, missing := workingcopy.Find(".")
	if missing != nil {
		return from, fmt.Errorf("stack %s was deployed from %s, which is no working copy any more, and %w", w.Name, last.Repository, missing)
	}
	return stack.Source{Repository: root, File: w.File}, nil
}

func (w Selection) lastSource() (stack.Source, bool) {
	at, ok := datadir.Existing()
	if !ok {
		return stack.Source{}, false
	}
	return stack.LastSource(at, w.Name)
}

func exists(file string) bool {
	if file == "" {
		return false
	}
	_, err := os.Stat(file)
	return err == nil
}

// notInState is the error for a stack that this user's state does not have.
func notInState(ctx context.Context, which Selection, from stack.Source) error {
	settings, err := which.settings(from.Repository)
	if err != nil {
		return err
	}
	if err := foreign(ctx, which.Name, settings.Name); err != nil {
		return err
	}
	return stack.NotUp(which.Name)
}

// withOthers adds to an error which deployments are on this host, for a stack that is not known here.
func withOthers(ctx context.Context, err error) error {
	docker, failed := engine.Open(ctx)
	if failed != nil {
		return err
	}
	defer func() { _ = docker.Close() }()
	all, failed := inventory.Deployments(ctx, docker)
	if failed != nil || len(all) == 0 {
		return err
	}
	names := make([]string, 0, len(all))
	for _, d := range all {
		names = append(names, d.Name)
	}
	return fmt.Errorf("%w. On this Docker host are the deployments %s: `mlflow-sso list` says which of them have their state here", err, strings.Join(names, ", "))
}

// refuseForeign returns an error if the state has no such stack, while containers of its deployment
// are on this host. It comes before anything is made ready, which takes minutes.
func refuseForeign(ctx context.Context, name, deployment string) error {
	if at, _ := datadir.Existing(); stack.MightExist(at, name) {
		return nil
	}
	return foreign(ctx, name, deployment)
}

// foreign is the error where containers of a deployment are on this host; nil where there are none,
// or no Docker Engine answers.
func foreign(ctx context.Context, name, deployment string) error {
	docker, err := engine.Open(ctx)
	if err != nil {
		return nil //nolint:nilerr // where no engine answers, nothing runs
	}
	found, err := inventory.Of(ctx, docker, deployment)
	if err = errors.Join(err, docker.Close()); err != nil || len(found.Containers) == 0 {
		return err
	}
	return foreignError(name, found, datadir.Place())
}

// foreignError says whose a deployment is not, and how to come to its state.
func foreignError(name string, found inventory.Deployment, place string) error {
	since := ""
	if at := found.Since(); !at.IsZero() {
		since = ", since " + at.Local().Format(time.DateTime)
	}
	var names []string
	for _, c := range found.Containers {
		names = append(names, c.Component)
	}
	return fmt.Errorf("stack %s: %w\n"+
		"  containers labelled %s are on this Docker host (%s%s), and %s has no state of stack %[1]s: another account, another MLFLOW_SSO_HOME or plain Pulumi deployed it\n"+
		"  next: run this as that account, or set MLFLOW_SSO_HOME to its data directory (docs/how-to/manage-state.md, \"Two operators on one host\"); "+
		"`mlflow-sso status` and `logs` work without the state; a second stack needs another `name` in its stack file",
		name, ErrForeign, found.Name, strings.Join(slices.Compact(names), ", "), since, place)
}
