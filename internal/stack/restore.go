package stack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"

	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// RestoreOptions say which snapshot.
type RestoreOptions struct {
	// Of is the `name` of the stack whose snapshot it is; empty for the stack's own.
	Of string
	// Snapshot is the beginning of its ID; "latest" for the newest.
	Snapshot string
}

// RestoreResult is what a restore came to.
type RestoreResult struct {
	Snapshot string    `json:"snapshot"`
	Of       string    `json:"of"`
	Taken    time.Time `json:"taken"`
	Tables   int       `json:"tables"`
	Rows     int64     `json:"rows"`
	// Artifacts are the files; ArtifactsElsewhere is where they are if the snapshot has none.
	Artifacts          int64  `json:"artifacts"`
	ArtifactsElsewhere string `json:"artifactsElsewhere,omitempty"`
	// Held is what the snapshot says of the tables of each database.
	Held map[string][]backup.Table `json:"-"`
}

// Restore makes the stack, of which there is nothing yet, out of a snapshot, and brings it up.
//
// What may be wrong with the snapshot is found before anything of the stack is made but
// its images: every byte is read and compared with its checksum first. What is restored is
// compared with what the snapshot says of itself, row by row and file by file. Where that fails,
// what was made is removed again. Nothing that was there before is ever removed.
func (s *Stack) Restore(ctx context.Context, step Step, options RestoreOptions) (done RestoreResult, err error) {
	if err := s.mayRestore(ctx, step); err != nil {
		return done, err
	}
	if options.Of == "" {
		options.Of = s.Config.Name
	}
	step.Say("making the image that reads snapshots")
	made := false
	defer func() {
		if err != nil && !made {
			err = errors.Join(err, s.restoreOldCluster(ctx, step))
		}
	}()
	if _, err := s.update(ctx, step, false, optup.Target(s.needed("backup"))); err != nil {
		return done, err
	}
	reading, err := s.backupImage(ctx)
	if err != nil {
		return done, err
	}
	chosen, root, err := s.choose(ctx, step, reading, options)
	if err != nil {
		return done, err
	}
	done = RestoreResult{Snapshot: chosen.ID, Of: options.Of, Taken: chosen.Time, ArtifactsElsewhere: chosen.Manifest.Artifacts.Elsewhere, Held: chosen.Manifest.Databases}
	if err := s.setRoot(ctx, root); err != nil {
		return done, err
	}
	step.Say("making the databases")
	if _, err := s.update(ctx, step, false, optup.Exclude(s.excludeUntilRestored()), optup.ExcludeDependents()); err != nil {
		return done, err
	}
	if err := s.fill(ctx, step, reading, chosen, &done); err != nil {
		return done, err
	}
	made = true
	_, err = s.Up(ctx, step, false)
	if err != nil {
		err = fmt.Errorf("all data was restored, and the stack did not come up: %w; go on with `mlflow-sso up --stack %s`", err, s.Name)
	}
	return done, err
}

// mayRestore refuses what cannot go well, before anything is made.
func (s *Stack) mayRestore(ctx context.Context, step Step) error {
	switch {
	case s.Config.Backup == nil:
		return errors.New("the stack file has no `backup`, which says where the snapshots are and which file has the recovery passphrase")
	case s.Config.Postgres.External != nil:
		return errors.New("the stack file has postgres.external: restoring into a server that is not the stack's is not done by this command; docs/how-to/back-up-and-restore.md says how to do it by hand")
	}
	if err := s.preflight(ctx); err != nil {
		return err
	}
	known, err := s.readSettledState(ctx, step)
	if err != nil {
		return err
	}
	if known.made() {
		return fmt.Errorf("stack %s is there, or its data is: a restore removes nothing. Restore beside it, with another `name` and other ports in a stack file of its own and `--of %s`; "+
			"or, if nobody needs what it has, remove it with `mlflow-sso destroy --data --stack %s` first", s.Name, s.Config.Name, s.Name)
	}
	if _, err := s.volumes(ctx, known); err != nil {
		return err
	}
	others, err := s.Docker.API().ContainerList(ctx, container.ListOptions{All: true, Filters: s.ours()})
	if err == nil && len(others) > 0 {
		err = fmt.Errorf("container %s is of a deployment named %q that is not in this state: choose another `name` in the stack file", nameOfContainer(others[0]), s.Config.Name)
	}
	return err
}

// choose finds the snapshot and looks whether it can be restored: it is that of the wanted stack,
// it is whole, the passphrase opens it and the root secret in it, and there is room for it.
func (s *Stack) choose(ctx context.Context, step Step, reading string, options RestoreOptions) (chosen backup.Selection, root string, err error) {
	reader, err := backup.OpenReader(ctx, s.Docker, reading, s.Config.Name, s.Config.Backup, "")
	if err != nil {
		return chosen, "", err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	step.Say("looking for the snapshot")
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
	if err := s.roomFor(ctx, chosen.Manifest); err != nil {
		return chosen, "", err
	}
	step.Say("reading all of snapshot %.8s of %s, to see that it is whole", chosen.ID, chosen.Time.Local().Format(time.DateTime))
	return chosen, root, reader.Verify(ctx, chosen.ID)
}

// roomOf is what a snapshot needs, in bytes: twice what the databases take, since a
// write-ahead log is written with them.
func roomOf(m backup.Manifest) uint64 {
	return uint64(2*m.DatabasesBytes+m.Artifacts.Bytes) + roomToRun
}

// roomFor demands that much where Docker keeps its volumes.
func (s *Stack) roomFor(ctx context.Context, m backup.Manifest) error {
	info, err := s.Docker.API().Info(ctx)
	if err != nil {
		return fmt.Errorf("ask the Docker daemon: %w", err)
	}
	return roomIn(info.DockerRootDir, roomOf(m), "the databases and artifacts of the snapshot go there")
}

// fill writes databases and artifacts, and compares them with the snapshot's manifest.
func (s *Stack) fill(ctx context.Context, step Step, reading string, chosen backup.Selection, done *RestoreResult) (err error) {
	volume := ""
	if s.Config.Artifacts.S3 == nil && chosen.Manifest.Artifacts.Elsewhere == "" {
		volume = s.Config.Name + "-mlflow-artifacts"
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
	if err := s.fillDatabases(ctx, step, reader, chosen.ID); err != nil {
		return err
	}
	for _, database := range platform.Databases() {
		for _, table := range chosen.Manifest.Databases[database] {
			done.Tables, done.Rows = done.Tables+1, done.Rows+table.Rows
		}
	}
	return nil
}

// excludeUntilRestored is what has to wait until the data is there, as Pulumi names it. Whatever depends on
// one of these waits, too.
func (s *Stack) excludeUntilRestored() []string {
	urns := s.insideKeycloak()
	for _, name := range []string{"keycloak", "mlflow"} {
		urns = append(urns, "urn:pulumi:"+s.Name+"::**::"+name+"-container")
	}
	return urns
}

// backupImage is the ID of the image that reads snapshots.
func (s *Stack) backupImage(ctx context.Context) (string, error) {
	of := image.Args{
		Deployment: s.Config.Name, Service: "backup", Folder: filepath.Join(s.Repository, platform.ImagesFolder),
		Base: s.Config.Images.Base, Reference: s.Config.Images.Backup,
	}
	wanted, err := of.Name()
	if err != nil {
		return "", err
	}
	known, err := s.readState(ctx)
	if err != nil {
		return "", err
	}
	if id := known.image(wanted); id != "" {
		return id, nil
	}
	return "", fmt.Errorf("the state of stack %q has no image %s, which was to be made just now", s.Name, wanted)
}

// restoreOldCluster removes what a restore that failed has made, of a stack of which there was
// nothing before.
func (s *Stack) restoreOldCluster(ctx context.Context, step Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	step.Say("removing what was made so far")
	read, err := s.readSettledState(ctx, step)
	if err == nil && read.made() {
		err = s.write(ctx, read, "change of the state", unprotected)
	}
	if err == nil {
		_, err = s.Destroy(ctx, step, true)
	}
	if err != nil {
		return fmt.Errorf("what was made so far could not be removed: %w; `mlflow-sso destroy --data --stack %s` does it", err, s.Name)
	}
	return nil
}
