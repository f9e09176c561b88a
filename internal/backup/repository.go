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

// readWithin bounds the life of a reader's container, should nobody remove it.
const readWithin = 24 * time.Hour

// Reader reads a repository by the recovery passphrase alone.
type Reader struct {
	docker *engine.Engine
	name   string
	input  string
	end    func() error
}

// Table is what a table held.
type Table struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	// Sum is over the content of all rows, in no order.
	Sum string `json:"sum"`
}

// Manifest is what a snapshot says about itself.
type Manifest struct {
	Format     int    `json:"format"`
	Deployment string `json:"deployment"`
	// Identity identifies the root secret with which it was taken.
	Identity string `json:"identity"`
	Began    int64  `json:"began"`
	// DatabasesBytes is the size of the databases on disk.
	DatabasesBytes int64 `json:"databasesBytes"`
	Artifacts      struct {
		Files, Bytes int64
		// External is where artifacts are that the snapshot does not hold.
		External string `json:"Elsewhere"`
	} `json:"artifacts"`
	Databases map[string][]Table `json:"databases"`
}

// Selection is a snapshot to be restored.
type Selection struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	Manifest Manifest  `json:"manifest"`
	// Sealed is the root secret, encrypted to the recovery passphrase.
	Sealed string `json:"sealed"`
}

// RestoreResult is what became of the artifacts.
type RestoreResult struct {
	// Wanted are those in the manifest, ChangedMeanwhile those of them that a user
	// rewrote while the snapshot was taken, Files all that there are now.
	Wanted           int64 `json:"wanted"`
	ChangedMeanwhile int64 `json:"changedMeanwhile"`
	Files            int64 `json:"files"`
}

// OpenReader starts a container of the image that sees the repository of the settings,
// and the volume to write artifacts to, if there is one. The caller closes it.
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

// Choose finds a snapshot of a deployment, the newest where id is "latest".
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

// Checksums is what was written down about a database's tables.
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
