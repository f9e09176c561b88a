package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// readWithin limits the lifetime of a reader's container that is not removed.
const readWithin = 24 * time.Hour

// Reader reads a repository with only the recovery passphrase.
type Reader struct {
	docker *engine.Engine
	name   string
	input  string
	end    func() error
}

// Table describes the content of a table.
type Table struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	// Sum covers the content of all rows, in any order.
	Sum string `json:"sum"`
}

// Manifest is a snapshot's description of itself.
type Manifest struct {
	Format     int    `json:"format"`
	Deployment string `json:"deployment"`
	// Identity identifies the root secret at the time of the snapshot.
	Identity string `json:"identity"`
	Began    int64  `json:"began"`
	// DatabasesBytes is the size of the databases on disk.
	DatabasesBytes int64 `json:"databasesBytes"`
	Artifacts      struct {
		Files, Bytes int64
		// External is the location of artifacts that the snapshot does not contain.
		External string `json:"Elsewhere"`
	} `json:"artifacts"`
	Databases map[string][]Table `json:"databases"`
}

// Selection is a snapshot to restore.
type Selection struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	Manifest Manifest  `json:"manifest"`
	// Sealed is the root secret, encrypted with the recovery passphrase.
	Sealed string `json:"sealed"`
}

// RestoreResult is the result of restoring the artifacts.
type RestoreResult struct {
	// Wanted is the number in the manifest, ChangedMeanwhile the number of those that a user
	// changed during the snapshot, Files the number after the restore.
	Wanted           int64 `json:"wanted"`
	ChangedMeanwhile int64 `json:"changedMeanwhile"`
	Files            int64 `json:"files"`
}

// OpenReader starts a container of the image with access to the configured repository, and to the
// volume for the artifacts, if there is one. The caller closes it.
func OpenReader(ctx context.Context, docker *engine.Engine, image, deployment string, set *config.Backup, artifacts string) (*Reader, error) {
	passphrase, err := set.RecoveryPassphraseFile.Read()
	if err != nil {
		return nil, fmt.Errorf("backup.recoveryPassphraseFile: %w", err)
	}
	once := engine.RunSpec{
		Name: naming.Container(deployment, "restore-"+strings.ToLower(rand.Text()[:6])), Image: image, Network: network.NetworkNone, Within: readWithin, Scratch: 256,
		Labels: map[string]string{naming.Component: "restore"},
		Env:    []string{"RESTIC_REPOSITORY=" + set.Repository(backup.RepositoryPath)},
	}
	input := passphrase + "\n"
	if set.S3 != nil {
		secret, err := set.S3.SecretKeyFile.Read()
		if err != nil {
			return nil, fmt.Errorf("backup.s3.secretKeyFile: %w", err)
		}
		input += secret + "\n"
		once.Network = network.NetworkBridge
		once.Env = append(once.Env, "AWS_ACCESS_KEY_ID="+set.S3.AccessKeyID, "AWS_DEFAULT_REGION="+set.S3.Region)
	} else {
		once.Mounts = append(once.Mounts, mount.Mount{Type: mount.TypeBind, Source: set.Directory, Target: backup.RepositoryPath, ReadOnly: true})
	}
	if artifacts != "" {
		once.Mounts = append(once.Mounts, mount.Mount{Type: mount.TypeVolume, Source: artifacts, Target: backup.ArtifactPath})
	}
	end, err := docker.StartEphemeral(ctx, once)
	if err != nil {
		return nil, err
	}
	return &Reader{docker, once.Name, input, end}, nil
}

// Close removes the container.
func (r *Reader) Close() error { return r.end() }

// Choose returns a deployment's snapshot, the newest if id is "latest".
func (r *Reader) Choose(ctx context.Context, deployment, id string) (c Selection, err error) {
	var said bytes.Buffer
	if err := r.look(ctx, &said, "choose", deployment, id); err != nil {
		return c, err
	}
	if err := json.Unmarshal(said.Bytes(), &c); err != nil {
		return c, fmt.Errorf("the snapshot's manifest cannot be read: %w", err)
	}
	if c.Manifest.Format != 1 {
		return c, fmt.Errorf("the snapshot has format %d, want 1: use the version of mlflow-sso that took it", c.Manifest.Format)
	}
	return c, nil
}

// Verify reads every byte of a snapshot and compares it with its checksum.
func (r *Reader) Verify(ctx context.Context, id string) error {
	return r.look(ctx, io.Discard, "whole", id)
}

// Checksums returns the recorded checksums of a database's tables.
func (r *Reader) Checksums(ctx context.Context, id, database string) (string, error) {
	var said bytes.Buffer
	err := r.look(ctx, &said, "sums", id, database)
	return said.String(), err
}

// Dump writes a database's dump.
func (r *Reader) Dump(ctx context.Context, id, database string, into io.Writer) error {
	return r.look(ctx, into, "dump", id, database)
}

// Artifacts writes the artifacts to their volume and compares them with the manifest.
func (r *Reader) Artifacts(ctx context.Context, of Selection) (done RestoreResult, err error) {
	var said bytes.Buffer
	if err := r.look(ctx, &said, "artifacts", of.ID, strconv.FormatInt(of.Manifest.Began, 10)); err != nil {
		return done, err
	}
	if err := json.Unmarshal(said.Bytes(), &done); err != nil {
		return done, fmt.Errorf("the result of the artifacts' restore cannot be read: %w", err)
	}
	return done, nil
}

func (r *Reader) look(ctx context.Context, into io.Writer, arguments ...string) error {
	return execute(ctx, r.docker, r.name, append([]string{"look"}, arguments...), r.input, into)
}
