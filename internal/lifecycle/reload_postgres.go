package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// The folders of Postgres' volume for clusters that are not in use.
const (
	beforeUpgrade = "before-upgrade"
	afterUpgrade  = "after-upgrade"
)

// clusters is the folder of the image with a cluster per major version.
const clusters = "/var/lib/postgresql"

// asideScript moves the clusters into a folder of the volume. If an earlier run did that, the
// current ones are parts of a new one, and are deleted.
const asideScript = `cd "$1" && if [ -e "$2" ]; then rm -rf [0-9]*
else mkdir -p "$2.new" && for one in [0-9]*; do if [ -e "$one" ]; then mv "$one" "$2.new/" || exit 1; fi; done && mv "$2.new" "$2"; fi`

// backScript moves them back, if they exist, and reports it.
const backScript = `cd "$1" && if [ -e "$2.new" ] && [ ! -e "$2" ]; then mv "$2.new" "$2" || exit 1; fi
if [ ! -e "$2" ]; then exit 0; fi
if [ -n "$(ls -A "$2")" ]; then rm -rf [0-9]* && mv "$2"/* . || exit 1; fi
rmdir "$2" && echo back`

// reloadDatabases recreates the databases of the stack and loads them from a snapshot. Artifacts
// stay: files never change once written. It keeps the previous clusters in a folder of the volume.
// The containers are stopped. It can be interrupted and repeated at any point.
func reloadDatabases(ctx context.Context, s *stack.Stack, step stack.Step, snapshot, aside string) error {
	if _, err := inVolume(ctx, s, asideScript, aside); err != nil {
		return fmt.Errorf("set the databases aside: %w", err)
	}
	step.Say("creating the databases")
	if _, err := s.Update(ctx, step, stack.DatabasesOnly, false); err != nil {
		return err
	}
	reading, err := s.ImageID(ctx, "backup")
	if err != nil {
		return err
	}
	return loadDatabasesFrom(ctx, s, step, reading, snapshot)
}

// loadDatabasesFrom loads the databases of a snapshot by its ID.
func loadDatabasesFrom(ctx context.Context, s *stack.Stack, step stack.Step, reading, snapshot string) (err error) {
	reader, err := backup.OpenReader(ctx, s.Docker, reading, s.Config.Name, s.Config.Backup, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	chosen, err := reader.Choose(ctx, s.Config.Name, snapshot)
	if err != nil {
		return err
	}
	return loadDatabases(ctx, s, step, reader, chosen.ID)
}

// stopContainers removes the containers and keeps the volumes.
func stopContainers(ctx context.Context, s *stack.Stack, step stack.Step) error {
	step.Say("removing the containers; volumes stay")
	_, err := Destroy(ctx, s, step, false)
	s.ClearNotes() // what the removal keeps is not worth a note here
	return err
}

// reinstateOldCluster restores the clusters from before an upgrade, and reports whether they
// existed.
func reinstateOldCluster(ctx context.Context, s *stack.Stack) (bool, error) {
	said, err := inVolume(ctx, s, backScript, beforeUpgrade)
	if err != nil {
		return false, fmt.Errorf("put the databases back: %w", err)
	}
	return strings.TrimSpace(said) == "back", nil
}

// DeleteOldCluster deletes the clusters that an upgrade or rollback has moved aside, once the new
// ones are verified.
func DeleteOldCluster(ctx context.Context, s *stack.Stack) error {
	if _, err := inVolume(ctx, s, `cd "$1" && shift && for aside in "$@"; do rm -rf "$aside" "$aside.new" || exit 1; done`, beforeUpgrade, afterUpgrade); err != nil {
		return fmt.Errorf("remove the databases that were set aside: %w", err)
	}
	return nil
}

// inVolume runs a script, with the folder of the clusters and others as arguments, in a container
// that mounts only Postgres' volume.
func inVolume(ctx context.Context, s *stack.Stack, script string, folders ...string) (string, error) {
	// Among the kept images, this one has the user that owns the volume.
	once := engine.RunSpec{
		Name: naming.Container(s.Config.Name, "clusters"), Image: keptImage(s, "postgres"), Network: network.NetworkNone, Within: 10 * time.Minute,
		Labels: map[string]string{naming.Component: "clusters"},
		Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: naming.Volume(s.Config.Name, naming.PostgresData), Target: clusters}},
	}
	said, err := s.Docker.RunOnce(ctx, once, append([]string{"sh", "-c", script, "sh", clusters}, folders...), nil)
	return string(said), err
}
