package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/rotation"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// RestoreOptions select a snapshot.
type RestoreOptions struct {
	// Of is the `name` of the snapshot's stack; empty for the same stack.
	Of string
	// Snapshot is a prefix of its ID; "latest" for the newest.
	Snapshot string
}

// RestoreResult is the result of a restore.
type RestoreResult struct {
	Snapshot string    `json:"snapshot"`
	Of       string    `json:"of"`
	Taken    time.Time `json:"taken"`
	Tables   int       `json:"tables"`
	Rows     int64     `json:"rows"`
	// Artifacts describes the files; ExternalArtifacts is their location if the snapshot contains
	// none.
	Artifacts         int64  `json:"artifacts"`
	ExternalArtifacts string `json:"artifactsElsewhere,omitempty"`
	// Held is the snapshot's record of each database's tables.
	Held map[string][]backup.Table `json:"-"`
}

// Restore creates the stack, which must not exist yet, from a snapshot, and brings it up.
//
// Problems with the snapshot are found before anything of the stack except its images is created:
// every byte is first compared with its checksum. The restored data is compared with the
// snapshot's manifest, row by row and file by file. If that fails, everything that was created is
// removed. Nothing that existed before is ever removed.
func Restore(ctx context.Context, s *stack.Stack, step stack.Step, options RestoreOptions) (RestoreResult, error) {
	if err := mayRestore(ctx, s, step); err != nil {
		return RestoreResult{}, err
	}
	if options.Of == "" {
		options.Of = s.Config.Name
	}
	r := &restore{s: s, step: step, options: options}
	if err := perform(ctx, r.actions()); err != nil {
		return r.result, errors.Join(err, restoreOldCluster(ctx, s, step))
	}
	if _, err := Up(ctx, s, step, false); err != nil {
		return r.result, fmt.Errorf("all data was restored, but the stack did not come up: %w; continue with `mlflow-sso up --stack %s`", err, s.Name)
	}
	return r.result, nil
}

// restore is one run of the workflow.
type restore struct {
	s       *stack.Stack
	step    stack.Step
	options RestoreOptions
	// image reads snapshots, root is the root secret of the chosen one.
	image, root string
	chosen      backup.Selection
	result      RestoreResult
}

// actions restore the stack's data before any service runs. If one fails, everything they created
// is removed.
func (r *restore) actions() []Action {
	return []Action{
		{Name: "build the image that reads snapshots", Do: r.makeImage},
		{Name: "choose the snapshot and verify all of it", Do: r.choose},
		{Name: "set the root secret of the snapshot", Do: func(ctx context.Context) error { return rotation.SetRootSecret(ctx, r.s, r.root) }},
		{Name: "create the databases", Do: func(ctx context.Context) error {
			r.step.Say("creating the databases")
			_, err := r.s.Update(ctx, r.step, stack.DatabasesOnly, false)
			return err
		}},
		{Name: "load artifacts and databases, and compare them with the snapshot", Do: func(ctx context.Context) error {
			return loadSnapshot(ctx, r.s, r.step, r.image, r.chosen, &r.result)
		}},
	}
}

func (r *restore) makeImage(ctx context.Context) (err error) {
	r.step.Say("building the image that reads snapshots")
	if _, err := r.s.Update(ctx, r.step, stack.ImageOnly("backup"), false); err != nil {
		return err
	}
	r.image, err = r.s.ImageID(ctx, "backup")
	return err
}

func (r *restore) choose(ctx context.Context) (err error) {
	if r.chosen, r.root, err = choose(ctx, r.s, r.step, r.image, r.options); err != nil {
		return err
	}
	manifest := r.chosen.Manifest
	r.result = RestoreResult{
		Snapshot: r.chosen.ID, Of: r.options.Of, Taken: r.chosen.Time, ExternalArtifacts: manifest.Artifacts.External, Held: manifest.Databases,
	}
	return nil
}

// mayRestore refuses what cannot succeed, before anything is created.
func mayRestore(ctx context.Context, s *stack.Stack, step stack.Step) error {
	switch {
	case s.Config.Backup == nil:
		return errors.New("the stack file has no `backup`: set the place of the snapshots and the file with the recovery passphrase")
	case s.Config.Postgres.External != nil:
		return errors.New("the stack file has postgres.external: this command cannot restore into an external server; docs/how-to/back-up-and-restore.md describes the manual steps")
	}
	if err := preflight(ctx, s); err != nil {
		return err
	}
	known, err := s.ReadSettledState(ctx, step)
	if err != nil {
		return err
	}
	if known.HasResources() {
		return fmt.Errorf("stack %s or its data exists, and a restore deletes nothing. Restore next to it, with another `name` and other ports in a separate stack file and `--source %s`; "+
			"or, if no one needs its data, remove it with `mlflow-sso destroy --delete-data --stack %s` first", s.Name, s.Config.Name, s.Name)
	}
	if _, err := volumes(ctx, s, known); err != nil {
		return err
	}
	others, err := s.Docker.API().ContainerList(ctx, container.ListOptions{All: true, Filters: s.OwnFilter()})
	if err == nil && len(others) > 0 {
		err = fmt.Errorf("container %s belongs to a deployment named %q that is not in this state: choose another `name` in the stack file", engine.ContainerName(others[0]), s.Config.Name)
	}
	return err
}

// choose selects the snapshot and checks whether it can be restored: it is from the right stack,
// it is complete, the passphrase decrypts it and its root secret, and there is enough space.
func choose(ctx context.Context, s *stack.Stack, step stack.Step, reading string, options RestoreOptions) (chosen backup.Selection, root string, err error) {
	reader, err := backup.OpenReader(ctx, s.Docker, reading, s.Config.Name, s.Config.Backup, "")
	if err != nil {
		return chosen, "", err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	step.Say("finding the snapshot")
	if chosen, err = reader.Choose(ctx, options.Of, options.Snapshot); err != nil {
		return chosen, "", err
	}
	passphrase, err := s.Config.Backup.RecoveryPassphraseFile.Read()
	if err != nil {
		return chosen, "", err
	}
	if root, err = backup.Unseal(chosen.Sealed, passphrase, chosen.Manifest.Identity); err != nil {
		return chosen, "", err
	}
	if err := roomFor(ctx, s, chosen.Manifest); err != nil {
		return chosen, "", err
	}
	step.Say("verifying all of snapshot %.8s of %s", chosen.ID, chosen.Time.Local().Format(time.DateTime))
	return chosen, root, reader.Verify(ctx, chosen.ID)
}

// roomOf returns the space that a snapshot needs, in bytes: twice the size of the databases,
// because of the write-ahead log.
func roomOf(m backup.Manifest) uint64 {
	return uint64(2*m.DatabasesBytes+m.Artifacts.Bytes) + roomToRun
}

// roomFor requires that much space on the disk of Docker's volumes.
func roomFor(ctx context.Context, s *stack.Stack, m backup.Manifest) error {
	info, err := s.Docker.API().Info(ctx)
	if err != nil {
		return fmt.Errorf("query the Docker daemon: %w", err)
	}
	return roomIn(info.DockerRootDir, roomOf(m), "the databases and artifacts of the snapshot go there")
}

// loadSnapshot writes databases and artifacts, and compares them with the snapshot's manifest.
func loadSnapshot(ctx context.Context, s *stack.Stack, step stack.Step, reading string, chosen backup.Selection, done *RestoreResult) (err error) {
	volume := ""
	if s.Config.Artifacts.S3 == nil && chosen.Manifest.Artifacts.External == "" {
		volume = naming.Volume(s.Config.Name, naming.MLflowArtifacts)
	}
	reader, err := backup.OpenReader(ctx, s.Docker, reading, s.Config.Name, s.Config.Backup, volume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if volume != "" {
		step.Say("restoring %d artifacts", chosen.Manifest.Artifacts.Files)
		files, err := reader.Artifacts(ctx, chosen)
		if err != nil {
			return err
		}
		done.Artifacts = files.Files
	}
	if err := loadDatabases(ctx, s, step, reader, chosen.ID); err != nil {
		return err
	}
	for _, database := range platform.Databases() {
		for _, table := range chosen.Manifest.Databases[database] {
			done.Tables, done.Rows = done.Tables+1, done.Rows+table.Rows
		}
	}
	return nil
}

// restoreOldCluster removes what a failed restore has created, of a stack that did not exist
// before.
func restoreOldCluster(ctx context.Context, s *stack.Stack, step stack.Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	step.Say("removing what was created so far")
	read, err := s.ReadSettledState(ctx, step)
	if err == nil && read.HasResources() {
		err = s.WriteState(ctx, read, "change of the state", unprotected)
	}
	if err == nil {
		_, err = Destroy(ctx, s, step, true)
	}
	if err != nil {
		return fmt.Errorf("what was created so far could not be removed: %w; run `mlflow-sso destroy --delete-data --stack %s`", err, s.Name)
	}
	return nil
}

// unprotected removes all protection.
func unprotected(deployment json.RawMessage) (json.RawMessage, error) {
	return stack.WithResources(deployment, func(all []stack.Member) ([]stack.Member, error) {
		for _, resource := range all {
			delete(resource, "protect")
		}
		return all, nil
	})
}
