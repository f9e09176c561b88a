package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/machine"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// ErrNothingToUpgrade is wrapped if a stack already has the configured versions.
var ErrNothingToUpgrade = errors.New("there is nothing to upgrade")

// UpgradeOptions are the options of an upgrade.
type UpgradeOptions struct {
	// RehearseOnly does not change the stack itself.
	RehearseOnly bool
	// Accept lists tables that may lose rows.
	Accept []string
}

// Upgrade rehearses the configured versions on a copy, upgrades the stack, verifies the logins
// and deletes old data. It resumes an interrupted upgrade.
func (n *Session) Upgrade(ctx context.Context, which Selection, options UpgradeOptions) (tried Rehearsal, err error) {
	deployed, err := Outputs(ctx, which)
	if err != nil {
		return tried, err
	}
	if !deployed.Backup.Exists() {
		return tried, fmt.Errorf("stack %s has no backup, and an upgrade needs one for its rehearsal and for a rollback: "+
			"set `backup` in its stack file (docs/how-to/back-up-and-restore.md), and run `mlflow-sso up --skip-rehearsal %s`", which.Name, which.Flags())
	}
	point, changed, err := lastUpgrade(ctx, which)
	if err != nil {
		return tried, err
	}
	interrupted := point != nil && point.Stage == Changing
	switch {
	case interrupted && options.RehearseOnly:
		return tried, errors.New("an interrupted upgrade cannot be rehearsed: `mlflow-sso upgrade` continues it, `mlflow-sso upgrade --rollback` reverts it")
	case !interrupted && len(changed) == 0:
		return tried, fmt.Errorf("stack %s has the versions that its settings want: %w", which.Name, ErrNothingToUpgrade)
	case !interrupted:
		if tried, err = n.rehearse(ctx, which, deployed, changed, options.Accept); err != nil {
			return tried, fmt.Errorf("rehearsal: %w; the stack itself was not changed", err)
		}
	}
	if options.RehearseOnly {
		return tried, nil
	}
	deployed, err = n.change(ctx, which, "upgrade of stack "+which.Name, func(ctx context.Context, step *progress.Step, s *stack.Stack) (stack.Changes, error) {
		return Upgrade(ctx, s, step, tried.moves)
	})
	if err == nil {
		err = n.Verify(ctx, deployed, false)
	}
	if err != nil {
		return tried, fmt.Errorf("%w\nto roll back: mlflow-sso upgrade --rollback %s", err, which.Flags())
	}
	return tried, n.deleteOldCluster(ctx, which)
}

// lastUpgrade returns the record of the last upgrade, and the changes of the next one.
func lastUpgrade(ctx context.Context, which Selection) (*RollbackPoint, []VersionChange, error) {
	s, err := Find(ctx, which)
	if err != nil {
		return nil, nil, err
	}
	point, err := ReadRollbackPoint(s)
	if err != nil {
		return nil, nil, err
	}
	changed, err := VersionChanges(ctx, s)
	return point, changed, err
}

// change runs a workflow as a progress step, reports its summary, and returns the outputs.
func (n *Session) change(ctx context.Context, which Selection, title string,
	do func(context.Context, *progress.Step, *stack.Stack) (stack.Changes, error),
) (deployed outputs.Stack, err error) {
	err = n.Do(ctx, which, title, func(ctx context.Context, step *progress.Step, s *stack.Stack) error {
		changes, err := do(ctx, step, s)
		if err != nil {
			return err
		}
		step.Say("%s", s.Summary(changes))
		deployed, err = s.Outputs(ctx)
		return err
	})
	return deployed, err
}

func (n *Session) deleteOldCluster(ctx context.Context, which Selection) error {
	return n.Do(ctx, which, "removing what was set aside", func(ctx context.Context, _ *progress.Step, s *stack.Stack) error {
		return DeleteOldCluster(ctx, s)
	})
}

// UpOptions are the options of an update.
type UpOptions struct {
	// Refresh reverts manual changes, too.
	Refresh bool
	// Unrehearsed allows new versions to migrate the data without an upgrade.
	Unrehearsed bool
	// AcceptVolumes accepts volumes on the host that differ from the state.
	AcceptVolumes bool
}

// Up updates a stack, see [Up], and returns its outputs.
func (n *Session) Up(ctx context.Context, which Selection, options UpOptions) (outputs.Stack, error) {
	return n.change(ctx, which, "stack "+which.Name, func(ctx context.Context, step *progress.Step, s *stack.Stack) (stack.Changes, error) {
		if !options.Unrehearsed {
			if err := RequireRehearsal(ctx, s); err != nil {
				return nil, err
			}
		}
		return bringUp(ctx, s, step, options)
	})
}

// RollbackOptions are the options of a rollback.
type RollbackOptions struct {
	// Confirm is called before data written since the upgrade is lost; nil if no confirmation is
	// needed.
	Confirm func(*RollbackPoint) error
	// NoVerify skips the verification of logins.
	NoVerify bool
}

// Rollback returns a stack to its state before the last upgrade. It first takes a snapshot of the
// current data, if possible.
func (n *Session) Rollback(ctx context.Context, which Selection, options RollbackOptions) (*RollbackPoint, error) {
	point, _, err := lastUpgrade(ctx, which)
	if err != nil {
		return nil, err
	}
	if point == nil || point.Stage == Back {
		return nil, fmt.Errorf("stack %s has no upgrade to roll back: it was never upgraded, or was rolled back already", which.Name)
	}
	if point.Stage == Done {
		if options.Confirm != nil {
			if err := options.Confirm(point); err != nil {
				return nil, err
			}
		}
		// If nothing works, a failed snapshot must not prevent the rollback.
		if err := n.snapshotBeforeRollback(ctx, which); err != nil {
			_, _ = fmt.Fprintf(n.Err, "no snapshot of the present could be taken, so what was written since the upgrade is lost: %v\n", err)
		}
	}
	before := Selection{Name: which.Name, File: point.File}
	deployed, err := n.change(ctx, before, "way back of stack "+which.Name, func(ctx context.Context, step *progress.Step, s *stack.Stack) (stack.Changes, error) {
		return Rollback(ctx, s, step, point)
	})
	if err == nil && !options.NoVerify {
		err = n.Verify(ctx, deployed, false)
	}
	if err != nil {
		return nil, err
	}
	return point, n.deleteOldCluster(ctx, before)
}

func (n *Session) snapshotBeforeRollback(ctx context.Context, which Selection) error {
	deployed, err := Outputs(ctx, which)
	if err != nil {
		return err
	}
	return WithBackup(ctx, which, deployed, func(client backup.Client) error {
		_, err := n.Snapshot(ctx, client, deployed)
		return err
	})
}

// Drift compares a stack with its actual state, see [Drift]. It installs and starts nothing.
func (n *Session) Drift(ctx context.Context, which Selection) (found check.Report, err error) {
	if _, err := which.program(); err != nil {
		return found, err
	}
	s, err := Find(ctx, which)
	if err != nil {
		return found, err
	}
	if _, err := s.Outputs(ctx); err != nil {
		return found, err
	}
	if s.Docker, err = engine.Open(ctx); err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, s.Docker.Close()) }()
	err = n.log().Step(ctx, "stack "+which.Name, func(ctx context.Context, step *progress.Step) error {
		found, err = Drift(ctx, s, step, which.Flags())
		return err
	})
	return found, err
}

// Preview reports what Up would change, see [Preview]. It only prepares Pulumi.
func (n *Session) Preview(ctx context.Context, which Selection, refresh bool) (found report.Preview, err error) {
	from, err := which.program()
	if err != nil {
		return found, err
	}
	root := from.Repository
	which.File = from.File
	settings, err := which.settings(root)
	if err != nil {
		return found, err
	}
	if err := refuseForeign(ctx, which.Name, settings.Name); err != nil {
		return found, err
	}
	at, err := datadir.Open()
	if err != nil {
		return found, err
	}
	log := n.log()
	tools, err := machine.EnsureToolchain(ctx, log, at, root, n.Source)
	if err != nil {
		return found, err
	}
	options, err := stackOptions(which, &machine.Machine{Root: root, Home: at, Toolchain: tools})
	if err != nil {
		return found, err
	}
	options.PolicyPacks = n.PolicyPacks
	s, err := stack.OpenForPreview(ctx, options)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	// Without a daemon, there are no volumes to compare.
	if docker, opened := engine.Open(ctx); opened == nil {
		s.Docker = docker
		defer func() { err = errors.Join(err, docker.Close()) }()
	}
	err = log.Step(ctx, "preview of stack "+which.Name, func(ctx context.Context, step *progress.Step) error {
		if found, err = Preview(ctx, s, step, refresh); err == nil {
			step.Say("%s", found.Summary())
		}
		return err
	})
	n.warn(s.Advice())
	return found, err
}
