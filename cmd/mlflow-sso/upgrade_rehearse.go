package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/datacheck"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// rehearsal is what the new versions have made of a copy.
type rehearsal struct {
	Versions []stack.VersionChange `json:"versions"`
	Snapshot string                `json:"snapshot"`
	Tables   int                   `json:"tables"`
	Rows     int64                 `json:"rows"`
	// Artifacts are the files.
	Artifacts int64 `json:"artifacts"`
	// Losses are the tables that have less than before, all of them accepted.
	Losses  []datacheck.MissingRows `json:"losses"`
	Seconds int64                   `json:"seconds"`

	// moves says that the data of one Postgres is not read by the other.
	moves bool
}

// rehearse tries the settings' versions on a copy of what the stack has now.
func rehearse(cmd *cobra.Command, o upgradeOptions, told outputs.Stack, changed []stack.VersionChange) (r rehearsal, err error) {
	began := time.Now()
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	was, err := datacheck.PostgresMajor(cmd.Context(), docker, told.Postgres.Container)
	if err != nil {
		return r, err
	}
	taken, err := snapshotOf(cmd, backup.Client{Docker: docker, Container: told.Backup.Container}, told)
	if err != nil {
		return r, err
	}
	r = rehearsal{Versions: changed, Snapshot: taken.ID, Losses: []datacheck.MissingRows{}}
	var rows map[string]map[string]int64
	done, err := inCopy(cmd, o.which, stack.RestoreOptions{Of: told.Deployment, Snapshot: taken.ID}, func(ctx context.Context, s *stack.Stack) error {
		is, err := datacheck.PostgresMajor(ctx, docker, s.Config.Name+"-postgres")
		if err != nil {
			return err
		}
		r.moves = is != was
		rows, err = s.CountRows(ctx)
		return err
	})
	if err != nil {
		return r, err
	}
	r.Tables, r.Rows, r.Artifacts, r.Seconds = done.Tables, done.Rows, done.Artifacts, int64(time.Since(began).Seconds())
	r.Losses = append(r.Losses, datacheck.Compare(done.Held, rows)...)
	if left := r.without(o.accept); len(left) > 0 {
		return r, fmt.Errorf("tables have less than before: %s; where that is meant, say so with --allow-data-loss TABLE", strings.Join(left, "; "))
	}
	return r, nil
}
