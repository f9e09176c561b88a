package health

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// late is the tolerance for a scheduled snapshot: taking one takes a while.
const late = time.Hour

func (d *doctor) checkSnapshots(ctx context.Context) ([]Finding, error) {
	status, err := backup.Client{Docker: d.docker, Container: d.container(Backup)}.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the snapshots: %w", err)
	}
	return d.judgeSnapshots(status), nil
}

// judgeSnapshots requires that the last attempt succeeded, that the newest snapshot is as recent
// as configured, and that a restore was verified recently. It is more tolerant with a new stack.
func (d *doctor) judgeSnapshots(s backup.Status) (found []Finding) {
	add := func(id check.ID, what, got, wanted, cause, fix string) {
		found = append(found, Finding{
			ID: id, Component: Backup, Summary: what, Got: got, Wanted: wanted, Cause: cause, Fix: strings.Join([]string{d.Tool, fix, d.Flags}, " "),
		})
	}
	ago := func(then int64) time.Duration { return time.Duration(s.Now-then) * time.Second }
	if s.Failed != nil {
		add(SnapshotFailed, "the last attempt to take a snapshot failed", fmt.Sprintf("%s ago: %s", ago(s.Failed.At), firstLine(s.Failed.Why)), "a snapshot",
			"what it says, or container "+d.container(Backup), "backup")
	}
	every := time.Duration(s.Every) * time.Second
	newest, got := s.Started, "none since the container started"
	if s.Last != nil {
		newest, got = s.Last.Began, "the newest is of"
	}
	switch {
	case every == 0: // on demand only
	case s.Last == nil && ago(newest) > late, s.Last != nil && ago(newest) > every+late:
		add(SnapshotOverdue, "the newest snapshot is too old", fmt.Sprintf("%s %s ago", got, ago(newest)), fmt.Sprintf("one every %s", every), "setting backup.interval", "backup")
	}
	proved, got := s.First, "never verified since the first snapshot"
	if s.Proof != nil {
		proved, got = s.Proof.At, "last verified"
	}
	if within := time.Duration(s.ProvedWithin) * time.Second; s.First > 0 && ago(proved) > within {
		add(RestoreTestOverdue, "no recent restore shows that the snapshots can be restored", fmt.Sprintf("%s, %s ago", got, ago(proved)), fmt.Sprintf("a verified restore every %s", within),
			"setting backup.verifyWithin", "backup verify")
	}
	return found
}
