package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// VersionChange is a version that an update would change.
type VersionChange struct {
	Service string `json:"service"`
	Was     string `json:"was"`
	Is      string `json:"is"`
}

// String returns a text such as "keycloak 26.7.2 → keycloak 26.7.3".
func (v VersionChange) String() string { return v.Service + ": " + v.Was + " → " + v.Is }

// VersionChanges returns the configured versions that differ from the stack's, for services with
// their own data format.
func VersionChanges(ctx context.Context, s *stack.Stack) ([]VersionChange, error) {
	deployed, err := s.Outputs(ctx)
	if errors.Is(err, stack.ErrNotUp) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	has, err := versionsBefore(s, deployed.Versions)
	if err != nil {
		return nil, err
	}
	wants, err := platform.Versions(s.Config, filepath.Join(s.Repository, platform.ImagesFolder))
	if err != nil {
		return nil, err
	}
	var changed []VersionChange
	for _, service := range image.VersionedServices() {
		if was, is := has[service], wants[service]; was != "" && is != "" && was != is {
			changed = append(changed, VersionChange{service, was, is})
		}
	}
	return changed, nil
}

// RequireRehearsal refuses an update in which another version would migrate data without a
// rehearsal, if there are snapshots for one; and any update during an unfinished upgrade.
func RequireRehearsal(ctx context.Context, s *stack.Stack) error {
	way, err := ReadRollbackPoint(s)
	if err != nil {
		return err
	}
	if way != nil && way.Stage == Changing {
		return fmt.Errorf("an upgrade of stack %s that began at %s was interrupted, and some of its data may be migrated: "+
			"`mlflow-sso upgrade %[3]s` continues it, `mlflow-sso upgrade --rollback %[3]s` reverts it", s.Name, way.Began.Local().Format("15:04 on 2 January"), asFlags(s))
	}
	changed, err := VersionChanges(ctx, s)
	if err != nil || len(changed) == 0 {
		return err
	}
	texts := make([]string, 0, len(changed))
	for _, version := range changed {
		texts = append(texts, version.String())
	}
	deployed := strings.Join(texts, "; ")
	if s.Config.Backup != nil {
		return fmt.Errorf("versions change (%s): `mlflow-sso upgrade %s` rehearses them on a copy first and keeps a rollback point; "+
			"`up --skip-rehearsal` does neither", deployed, asFlags(s))
	}
	for _, version := range changed {
		if version.Service == "postgres" && s.Config.Postgres.External == nil {
			return fmt.Errorf("versions change (%s): a new major version of Postgres cannot read the databases of the old one: set `backup` in the stack file, "+
				"run `mlflow-sso up` with the previous version, and then `mlflow-sso upgrade` (docs/how-to/upgrade.md)", deployed)
		}
	}
	return nil
}

// asFlags select the stack, for messages.
func asFlags(s *stack.Stack) string {
	if s.File == stack.FileOf(s.Repository, s.Name, "") {
		return "--stack " + s.Name
	}
	return "--stack " + s.Name + " --file " + s.File
}

// Upgrade upgrades the stack to the versions in its settings. Before any change it stops all
// writers and takes a snapshot of everything they wrote. With moves the databases move from one
// Postgres cluster to a new one. It resumes an interrupted upgrade.
func Upgrade(ctx context.Context, s *stack.Stack, step stack.Step, moves bool) (stack.Changes, error) {
	point, err := ReadRollbackPoint(s)
	if err != nil {
		return nil, err
	}
	u := &upgrade{s: s, step: step, moves: moves}
	if point != nil && point.Stage == Changing {
		u.point = point
	}
	err = perform(ctx, u.actions())
	return u.changes, err
}

// upgrade is one run of the workflow.
type upgrade struct {
	s     *stack.Stack
	step  stack.Step
	moves bool
	// point is nil until it exists.
	point   *RollbackPoint
	changes stack.Changes
}

// actions are all steps of an upgrade, in order.
func (u *upgrade) actions() []Action {
	moved := func() bool { return u.point.Moved }
	return []Action{
		{Name: "create a rollback point and take a last snapshot", When: func() bool { return u.point == nil }, Do: func(ctx context.Context) (err error) {
			u.point, err = begin(ctx, u.s, u.step, u.moves)
			return err
		}},
		{Name: "stop the containers", When: moved, Do: func(ctx context.Context) error { return stopContainers(ctx, u.s, u.step) }},
		{Name: "move the databases into a new cluster", When: moved, Do: func(ctx context.Context) error {
			return reloadDatabases(ctx, u.s, u.step, u.point.Snapshot, beforeUpgrade)
		}},
		{Name: "deploy the new versions", Do: func(ctx context.Context) (err error) {
			u.changes, err = Up(ctx, u.s, u.step, false)
			return err
		}},
		{Name: "record that the upgrade is done", Do: func(context.Context) error { return recordStage(u.s, u.point, Done) }},
	}
}

// begin creates the rollback point and stops all writers.
func begin(ctx context.Context, s *stack.Stack, step stack.Step, moves bool) (*RollbackPoint, error) {
	step.Say("keeping the current settings and images")
	way, err := createRollbackPoint(ctx, s)
	if err != nil {
		return nil, err
	}
	way.Moved = moves
	taken, err := lastSnapshot(ctx, s, step)
	if err != nil {
		return nil, err
	}
	way.Snapshot = taken.ID
	return way, writeRollbackPoint(s, way)
}

// lastSnapshot stops all writers and takes a snapshot that the retention settings never delete.
// If that fails, they start again.
func lastSnapshot(ctx context.Context, s *stack.Stack, step stack.Step) (taken backup.Snapshot, err error) {
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return taken, err
	}
	writers := []string{deployed.MLflow.Container, deployed.IdentitySync.Container, deployed.Keycloak.Container}
	defer func() {
		if err == nil {
			return
		}
		for _, name := range writers {
			err = errors.Join(err, s.Docker.API().ContainerStart(context.WithoutCancel(ctx), name, container.StartOptions{}))
		}
	}()
	step.Say("from now on, no one can log in or write")
	for _, name := range writers {
		if err := s.Docker.API().ContainerStop(ctx, name, container.StopOptions{}); err != nil {
			return taken, fmt.Errorf("stop container %s: %w", name, err)
		}
	}
	taken, err = backup.Client{Docker: s.Docker, Container: deployed.Backup.Container}.CreatePinned(ctx, func(text string) { step.Say("%s", text) })
	if err != nil {
		return taken, fmt.Errorf("the last snapshot before the upgrade: %w; nothing was changed", err)
	}
	return taken, nil
}
