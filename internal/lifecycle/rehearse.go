package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/datacheck"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Rehearsal is the result of migrating a copy to the new versions.
type Rehearsal struct {
	Versions []VersionChange `json:"versions"`
	Snapshot string          `json:"snapshot"`
	Tables   int             `json:"tables"`
	Rows     int64           `json:"rows"`
	// Artifacts describes the files.
	Artifacts int64 `json:"artifacts"`
	// Losses are the tables with fewer rows than before, all of them accepted.
	Losses  []datacheck.MissingRows `json:"losses"`
	Seconds int64                   `json:"seconds"`

	// moves reports that one Postgres version cannot read the other's data.
	moves bool
}

// rehearse tries the configured versions on a copy of the stack's current data.
func (n *Session) rehearse(ctx context.Context, which Selection, deployed outputs.Stack, changed []VersionChange, accept []string) (r Rehearsal, err error) {
	began := time.Now()
	docker, err := engine.Open(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	was, err := datacheck.PostgresMajor(ctx, docker, deployed.Postgres.Container)
	if err != nil {
		return r, err
	}
	taken, err := n.Snapshot(ctx, backup.Client{Docker: docker, Container: deployed.Backup.Container}, deployed)
	if err != nil {
		return r, err
	}
	r = Rehearsal{Versions: changed, Snapshot: taken.ID, Losses: []datacheck.MissingRows{}}
	var rows map[string]map[string]int64
	done, err := n.inCopy(ctx, which, RestoreOptions{Of: deployed.Deployment, Snapshot: taken.ID}, func(ctx context.Context, s *stack.Stack) error {
		is, err := datacheck.PostgresMajor(ctx, docker, naming.Container(s.Config.Name, "postgres"))
		if err != nil {
			return err
		}
		r.moves = is != was
		rows, err = CountRows(ctx, s)
		return err
	})
	if err != nil {
		return r, err
	}
	r.Tables, r.Rows, r.Artifacts, r.Seconds = done.Tables, done.Rows, done.Artifacts, int64(time.Since(began).Seconds())
	r.Losses = append(r.Losses, datacheck.Compare(done.Held, rows)...)
	if left := r.unaccepted(accept); len(left) > 0 {
		return r, fmt.Errorf("tables lost rows: %s; if that is intended, pass --allow-data-loss TABLE", strings.Join(left, "; "))
	}
	return r, nil
}

// unaccepted returns the losses that are not in a list of tables.
func (r Rehearsal) unaccepted(tables []string) []string {
	var all []string
	for _, loss := range r.Losses {
		if !slices.Contains(tables, loss.Table) {
			all = append(all, loss.String())
		}
	}
	return all
}
