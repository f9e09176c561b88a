// Package trash permanently deletes what has been in MLflow's trash for long enough, and
// artifacts that no row of MLflow's database names.
//
// The package mlflow_sso.trash of MLflow's image does the work, inside the container, with the
// server's own access to its database and artifacts.
package trash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// MinOrphanAge is the minimum age of an orphaned file: a younger one may belong to an upload in
// progress.
const MinOrphanAge = time.Hour

// ErrBusy is returned while a snapshot is being taken, or another command is deleting. Nothing
// was deleted.
var ErrBusy = errors.New("a snapshot of this stack is being taken, or another `clean --delete` runs: nothing was deleted, since a snapshot would have rows without their files; " +
	"run the command again when that has ended (`mlflow-sso backup list` has the snapshot then)")

// busy is mlflow_sso.trash's exit code for that.
const busy = 75

// Request says what to delete.
type Request struct {
	// Delete deletes; without it, the result is what would be deleted.
	Delete bool
	// Trash is the minimum time in the trash, Orphans the minimum age of an orphan's newest file.
	Trash, Orphans time.Duration
	// UnknownOrigin includes files that are older than the database, or of an experiment with an
	// ID that the database never assigned.
	UnknownOrigin bool
}

// Validate reports every mistake.
func (r Request) Validate() error {
	var errs []error
	if r.Trash < 0 || r.Trash%time.Second != 0 {
		errs = append(errs, fmt.Errorf("the time in the trash is %s, want 0s or more in whole seconds", r.Trash))
	}
	if r.Orphans < MinOrphanAge || r.Orphans%time.Second != 0 {
		errs = append(errs, fmt.Errorf("the age of orphaned files is %s, want at least %s in whole seconds: a younger file may be part of an upload", r.Orphans, MinOrphanAge))
	}
	return errors.Join(errs...)
}

// Rows are numbers of rows.
type Rows struct {
	Experiments  int64 `json:"experiments"`
	Runs         int64 `json:"runs"`
	LoggedModels int64 `json:"loggedModels"`
	Traces       int64 `json:"traces"`
}

// Files are the files of runs, logged models, traces or whole experiments, counted as places.
type Files struct {
	Places int64 `json:"places"`
	Files  int64 `json:"files"`
	Bytes  int64 `json:"bytes"`
}

// Sections are the files by the reason for which they are deleted or kept.
type Sections struct {
	// Trash are files of the deleted rows, Orphans those that no row names, Uploads parts of
	// incomplete uploads.
	Trash   Files `json:"trash"`
	Orphans Files `json:"orphans"`
	Uploads Files `json:"uploads"`
	// Recent are orphans that are too young, Foreign those of unknown origin.
	Recent  Files `json:"recent"`
	Foreign Files `json:"foreign"`
}

// Place is an object with files.
type Place struct {
	Bytes int64  `json:"bytes"`
	Place string `json:"place"`
	Kind  string `json:"kind"`
	Of    string `json:"of"`
}

// Kept is something that is old enough, but kept.
type Kept struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Failure is something that was not deleted.
type Failure struct {
	What  string `json:"what"`
	Error string `json:"error"`
}

// Result is what was deleted, or would be.
type Result struct {
	Rows  Rows     `json:"rows"`
	Files Sections `json:"files"`
	// Unknown counts files outside of MLflow's layout; they are never deleted.
	Unknown int64 `json:"unknown"`
	// Largest, Kept and Failures are excerpts; the counts are complete.
	Largest      []Place   `json:"largest"`
	KeptCount    int64     `json:"keptCount"`
	Kept         []Kept    `json:"kept"`
	FailureCount int64     `json:"failureCount"`
	Failures     []Failure `json:"failures"`
}

// Empty reports whether there is nothing to delete.
func (r Result) Empty() bool {
	f := r.Files
	return r.Rows == Rows{} && f.Trash.Places+f.Orphans.Places+f.Uploads.Places == 0
}

// Bytes returns the size of all deleted files.
func (r Result) Bytes() int64 {
	return r.Files.Trash.Bytes + r.Files.Orphans.Bytes + r.Files.Uploads.Bytes
}

// Engine runs commands in containers, such as [engine.Engine].
type Engine interface {
	Exec(ctx context.Context, container string, argv []string, options ...engine.ExecOption) (engine.Result, error)
}

// Run deletes in the container of a running server, or reports.
func Run(ctx context.Context, in Engine, container string, request Request) (Result, error) {
	var result, none Result
	if err := request.Validate(); err != nil {
		return none, err
	}
	input, err := json.Marshal(map[string]any{
		"delete": request.Delete, "trashSeconds": int64(request.Trash.Seconds()), "orphanSeconds": int64(request.Orphans.Seconds()), "foreign": request.UnknownOrigin,
	})
	if err != nil {
		return none, fmt.Errorf("encode the request: %w", err)
	}
	said, err := in.Exec(ctx, container, []string{"python", "-m", "mlflow_sso.trash"}, engine.Stdin(bytes.NewReader(input)))
	if err == nil && said.ExitCode != 0 && strings.Contains(said.Stderr, "No module named mlflow_sso") {
		return none, fmt.Errorf("the image of %s is of a release without this command: run `mlflow-sso up` first, or set images.mlflow to a newer image", container)
	}
	if err == nil && said.ExitCode == busy {
		err = ErrBusy
	}
	if err == nil {
		err = said.Err()
	}
	if err != nil {
		return none, fmt.Errorf("clean %s: %w", container, err)
	}
	if err := json.Unmarshal([]byte(said.Stdout), &result); err != nil {
		return none, fmt.Errorf("the answer of %s is not the wanted JSON: %w", container, err)
	}
	return result, nil
}
