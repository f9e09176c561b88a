// Package backup creates and lists snapshots through the backup container, and reads a snapshot
// repository without a stack.
//
// [Client] works in the stack's own container, with the key that is derived from the root secret.
// [Reader] has only the repository and the recovery passphrase, which is what the operator has
// after a disaster. No secret is an argument of a command or part of an error.
package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Engine runs commands in containers, such as [engine.Engine].
type Engine interface {
	Exec(ctx context.Context, container string, argv []string, options ...engine.ExecOption) (engine.Result, error)
}

// Client is the client of a stack's backup container.
type Client struct {
	Docker    Engine
	Container string
}

// Snapshot is the result of a snapshot that was just taken.
type Snapshot struct {
	ID             string `json:"snapshot"`
	Began          int64  `json:"began"`
	Ended          int64  `json:"ended"`
	DatabasesBytes int64  `json:"databasesBytes"`
	Artifacts      int64  `json:"artifacts"`
	ArtifactsBytes int64  `json:"artifactsBytes"`
	// Added is the growth of the repository, in bytes.
	Added int64 `json:"added"`
}

// SnapshotList is a snapshot in the repository.
type SnapshotList struct {
	ID      string    `json:"id"`
	ShortID string    `json:"short_id"`
	Time    time.Time `json:"time"`
	Summary struct {
		Files int64 `json:"total_files_processed"`
		Bytes int64 `json:"total_bytes_processed"`
		Added int64 `json:"data_added_packed"`
	} `json:"summary"`
}

// Failure is the last failed attempt.
type Failure struct {
	At  int64  `json:"at"`
	Why string `json:"why"`
}

// Proof is a verified restore: a snapshot that was restored into a separate stack, in which users
// logged in and everything matched the manifest.
type Proof struct {
	At       int64  `json:"at"`
	Snapshot string `json:"snapshot"`
	// Taken is the time at which the snapshot started.
	Taken     int64 `json:"taken"`
	Tables    int   `json:"tables"`
	Rows      int64 `json:"rows"`
	Artifacts int64 `json:"artifacts"`
	Seconds   int64 `json:"seconds"`
}

// Status is what is known without reading the repository. Times are seconds since 1970, by the
// container's clock.
type Status struct {
	Now int64 `json:"now"`
	// Started is the start of the container, First the time of the first snapshot; 0 if there is
	// none.
	Started int64 `json:"started"`
	First   int64 `json:"first"`
	// Every and ProvedWithin are the settings, in seconds.
	Every        int64     `json:"every"`
	ProvedWithin int64     `json:"provedWithin"`
	Last         *Snapshot `json:"last"`
	// Failed is nil if the last attempt succeeded.
	Failed *Failure `json:"failed"`
	Proof  *Proof   `json:"proof"`
}

// Create takes a snapshot now and reports progress to say.
func (k Client) Create(ctx context.Context, say func(string)) (Snapshot, error) {
	return k.take(ctx, say, "snapshot")
}

// CreatePinned takes a snapshot that is kept, whatever the retention settings are, until the next
// of its kind is taken.
func (k Client) CreatePinned(ctx context.Context, say func(string)) (Snapshot, error) {
	return k.take(ctx, say, "snapshot", "keep")
}

func (k Client) take(ctx context.Context, say func(string), command ...string) (Snapshot, error) {
	var taken Snapshot
	var last string
	lines := &lines{each: func(line string) {
		last = line
		if text, ok := strings.CutPrefix(line, "backup: "); ok {
			say(text)
		}
	}}
	if err := k.run(ctx, command, "", lines); err != nil {
		return taken, err
	}
	if err := json.Unmarshal([]byte(last), &taken); err != nil {
		return taken, fmt.Errorf("container %s took a snapshot, but its answer is not JSON: %w", k.Container, err)
	}
	return taken, nil
}

// List returns the stack's snapshots in the repository, oldest first.
func (k Client) List(ctx context.Context) (all []SnapshotList, err error) {
	return all, k.read(ctx, &all, "repository", "list")
}

// Status returns what is known without reading the repository.
func (k Client) Status(ctx context.Context) (s Status, err error) {
	return s, k.read(ctx, &s, "repository", "status")
}

// Check checks the repository's integrity; with data it reads every byte.
func (k Client) Check(ctx context.Context, data bool) error {
	command := []string{"repository", "check"}
	if data {
		command = append(command, "data")
	}
	return k.run(ctx, command, "", io.Discard)
}

// Recovery is what a restore needs: the passphrase and the root secret.
type Recovery struct {
	// Passphrase decrypts the repository and the encrypted root secret.
	Passphrase string
	// Root is the root secret, in base64.
	Root string
	// Version is the version of the container's key; Previous are its previous values.
	Version  string
	Previous []string
}

// SetRecovery ensures that the container's key and the recovery passphrase open the repository,
// that previous keys do not, and that every later snapshot contains the root secret, encrypted
// with the passphrase.
func (k Client) SetRecovery(ctx context.Context, r Recovery) error {
	identity, err := Identity(r.Root)
	if err != nil {
		return err
	}
	sealed, err := Seal(r.Root, r.Passphrase)
	if err != nil {
		return err
	}
	input := strings.Join([]string{r.Passphrase, identity, r.Version, strings.Join(r.Previous, " "), sealed}, "\n")
	return k.run(ctx, []string{"repository", "recover"}, input, io.Discard)
}

// RecoveryState is what currently opens a repository.
type RecoveryState struct {
	// KeyOpens reports whether the container's key opens it, PassphraseOpens whether the recovery
	// passphrase does.
	KeyOpens        bool `json:"keyOpens"`
	PassphraseOpens bool `json:"passphraseOpens"`
	// Identity identifies the root secret in Sealed, which is encrypted with a passphrase; both
	// are empty if none was set.
	Identity string `json:"identity"`
	Sealed   string `json:"sealed"`
}

// Recoverable reports whether a restore with the passphrase would recover this root secret.
func (r RecoveryState) Recoverable(root, passphrase string) bool {
	if !r.PassphraseOpens || r.Sealed == "" {
		return false
	}
	identity, err := Identity(root)
	if err != nil || identity != r.Identity {
		return false
	}
	unsealed, err := Unseal(r.Sealed, passphrase, identity)
	return err == nil && unsealed == root
}

// Recovery reports what currently opens the repository. It changes nothing.
func (k Client) Recovery(ctx context.Context, passphrase string) (r RecoveryState, err error) {
	var said bytes.Buffer
	if err := k.run(ctx, []string{"repository", "recovery"}, passphrase+"\n", &said); err != nil {
		return r, err
	}
	if json.Unmarshal(said.Bytes(), &r) != nil {
		return r, fmt.Errorf("repository recovery in container %s: the answer is no JSON of the kind that was wanted", k.Container)
	}
	return r, nil
}

// RecordProof stores a proof for doctor.
func (k Client) RecordProof(ctx context.Context, proof Proof) error {
	encoded, err := json.Marshal(proof)
	if err != nil {
		return err
	}
	return k.run(ctx, []string{"repository", "prove"}, string(encoded), io.Discard)
}

func (k Client) read(ctx context.Context, into any, command ...string) error {
	var said bytes.Buffer
	if err := k.run(ctx, command, "", &said); err != nil {
		return err
	}
	if err := json.Unmarshal(said.Bytes(), into); err != nil {
		return fmt.Errorf("%s in container %s: the answer is not the wanted JSON: %w", strings.Join(command, " "), k.Container, err)
	}
	return nil
}

func (k Client) run(ctx context.Context, command []string, input string, output io.Writer) error {
	return execute(ctx, k.Docker, k.Container, command, input, output)
}

func execute(ctx context.Context, docker Engine, container string, command []string, input string, output io.Writer) error {
	result, err := docker.Exec(ctx, container, command, engine.Stdin(strings.NewReader(input)), engine.Stdout(output))
	if err != nil || result.ExitCode == 0 {
		return err
	}
	// The scripts report an error themselves, in their last line of this form.
	all := strings.Split(strings.TrimSpace(result.Stderr), "\n")
	for i := len(all) - 1; i >= 0; i-- {
		if text, ok := strings.CutPrefix(all[i], "backup: "); ok {
			return errors.New(text)
		}
	}
	return fmt.Errorf("%s in container %s: %w", command[0], container, result.Err())
}

// lines passes on each line that is written.
type lines struct {
	each func(string)
	rest []byte
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ended := bytes.Cut(l.rest, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		l.each(string(line))
		l.rest = rest
	}
}
