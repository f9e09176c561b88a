//go:build e2e

package e2e

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/trash"
)

//go:embed testdata/webhook.py
var webhookScript string

// dataKeysLab is a plain stack whose data has three keys: stored API keys, webhooks and snapshots.
type dataKeysLab struct {
	*plainPulumi
	l          *lab
	docker     *engine.Engine
	deployed   outputs.Stack
	passphrase string
}

func newDataKeysLab(t *testing.T) *dataKeysLab {
	t.Helper()
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	repository, passphrase := makeRepository(t, l)
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	more := fmt.Sprintf("  mlflow-sso:proof: never\n  mlflow-sso:backup:\n    directory: %s\n    recoveryPassphraseFile: %s\n    interval: 0s\n", repository, passphrase)
	webhooks := strings.Replace(string(text), "  mlflow-sso:mlflow:\n", "  mlflow-sso:mlflow:\n    webhooks: {hosts: [hooks.example.com]}\n", 1)
	require.NoError(t, os.WriteFile(l.file, []byte(webhooks+more), 0o600))
	d := &dataKeysLab{plainPulumi: ownPlainPulumi(t, l), l: l, docker: openEngine(t), passphrase: passphrase}
	d.up(t)
	d.deployed = d.outputs(t, l)
	return d
}

func (d *dataKeysLab) up(t *testing.T, flags ...string) string {
	t.Helper()
	return d.plainPulumi.up(t, d.l, flags...)
}

func (d *dataKeysLab) nothingToDo(t *testing.T) {
	t.Helper()
	d.plainPulumi.nothingToDo(t, d.l)
}

// variable is one of a container's environment.
func (d *dataKeysLab) variable(t *testing.T, container, name string) string {
	t.Helper()
	seen, err := d.docker.API().ContainerInspect(t.Context(), container)
	require.NoError(t, err)
	for _, pair := range seen.Config.Env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// dataKeys are the values with which a stack's data is encrypted.
type dataKeys struct{ gateway, webhook, repository string }

func (d *dataKeysLab) keys(t *testing.T) dataKeys {
	t.Helper()
	number := d.variable(t, d.deployed.MLflow.Container, "MLFLOW_CRYPTO_KEK_VERSION")
	if number == "" {
		number = "1"
	}
	return dataKeys{
		number + " " + d.variable(t, d.deployed.MLflow.Container, "MLFLOW_CRYPTO_KEK_PASSPHRASE"),
		d.variable(t, d.deployed.MLflow.Container, "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"),
		d.variable(t, d.deployed.Backup.Container, "RESTIC_PASSWORD"),
	}
}

// webhook runs an action with the webhook that is stored in MLflow.
func (d *dataKeysLab) webhook(t *testing.T, input, what string) string {
	t.Helper()
	ran, err := d.docker.Exec(t.Context(), d.deployed.MLflow.Container, []string{"python", "-c", webhookScript, what}, engine.Stdin(strings.NewReader(input)))
	require.NoError(t, err)
	require.NoError(t, ran.Err())
	return ran.Stdout
}

// opensRepository reports whether a key or passphrase opens the repository.
func (d *dataKeysLab) opensRepository(t *testing.T, key string) bool {
	t.Helper()
	return opensRepository(t, d.docker, d.deployed, key)
}

func (d *dataKeysLab) snapshot(t *testing.T) (said []string) {
	t.Helper()
	_, err := backup.Client{Docker: d.docker, Container: d.deployed.Backup.Container}.Create(t.Context(), func(text string) { said = append(said, text) })
	require.NoError(t, err)
	return said
}

// readable requires that all data is encrypted with the current keys, and with no previous one.
func (d *dataKeysLab) readable(t *testing.T, before dataKeys) {
	t.Helper()
	now := d.keys(t)
	require.Contains(t, gateway(t, d.docker, d.deployed, "", "open"), "stored-before")
	require.Contains(t, d.webhook(t, "", "open"), "'ACTIVE', 'hook-stored-before'")
	require.True(t, d.opensRepository(t, now.repository))
	d.snapshot(t)
	if before == now {
		return
	}
	require.False(t, before.gateway == now.gateway || before.webhook == now.webhook || before.repository == now.repository, "a key was not rotated")
	require.Contains(t, gateway(t, d.docker, d.deployed, before.gateway, "other"), "refused")
	require.Contains(t, d.webhook(t, before.webhook, "other"), "refused")
	require.False(t, d.opensRepository(t, before.repository))
}

// Plain Pulumi encrypts users' stored secrets, and the snapshots, with the current keys.
func TestPlainPulumiRotatesTheKeysOfStoredData(t *testing.T) {
	nightly(t)
	t.Parallel()
	d := newDataKeysLab(t)
	gateway(t, d.docker, d.deployed, "", "store")
	d.webhook(t, "", "store")
	first := d.keys(t)
	d.readable(t, first)
	require.True(t, d.opensRepository(t, "the passphrase of "+d.l.name))
	older := d.storedSecrets(t)

	for _, label := range []string{"mlflow/gateway-key", "mlflow/webhook-key", "backup/repository"} {
		d.must(t, "config", "set", "--path", "mlflow-sso:credentials.generations."+label, "2", "--stack", d.l.name)
	}
	planned := d.must(t, "preview", "--diff", "--stack", d.l.name)
	for _, resource := range []string{"mlflow-gateway-key", "mlflow-webhook-key", "backup-repository-key"} {
		require.Contains(t, planned, resource)
	}
	require.Contains(t, gateway(t, d.docker, d.deployed, "", "open"), "stored-before", "a preview changes nothing")
	said := d.up(t)
	require.Contains(t, said, "stored API keys encrypted with the current key: 1")
	require.Contains(t, said, "webhook secrets encrypted with the current key: 1")
	require.NotContains(t, said, first.repository)
	d.readable(t, first)
	require.True(t, d.opensRepository(t, "the passphrase of "+d.l.name), "a rotation leaves the recovery passphrase")
	d.nothingToDo(t)

	t.Run("a recreated container is no rotation", func(t *testing.T) {
		require.NoError(t, d.docker.API().ContainerRemove(t.Context(), d.deployed.MLflow.Container, container.RemoveOptions{Force: true}))
		require.NotContains(t, d.up(t, "--refresh"), "encrypted with the current key")
		d.readable(t, d.keys(t))
	})
	t.Run("older data is found by a refresh", func(t *testing.T) {
		inDatabase(t, d.deployed, d.docker, "mlflow", older)
		require.Contains(t, gateway(t, d.docker, d.deployed, "", "open"), "refused")
		named := d.must(t, "preview", "--refresh", "--diff", "--stack", d.l.name)
		require.Contains(t, named, "edition")
		d.up(t, "--refresh")
		d.readable(t, first)
		d.nothingToDo(t)
	})
	t.Run("another passphrase and a lost copy of the root secret", func(t *testing.T) {
		require.NoError(t, os.WriteFile(d.passphrase, []byte("another passphrase"), 0o600))
		d.up(t)
		require.True(t, d.opensRepository(t, "another passphrase"))
		require.False(t, d.opensRepository(t, "the passphrase of "+d.l.name))
		ran, err := d.docker.Exec(t.Context(), d.deployed.Backup.Container, []string{"rm", "/var/lib/backup/recovery/root.age"})
		require.NoError(t, err)
		require.NoError(t, ran.Err())
		require.Contains(t, d.must(t, "preview", "--refresh", "--diff", "--stack", d.l.name), "recoverable")
		d.up(t, "--refresh")
		d.snapshot(t)
		d.nothingToDo(t)
	})
	t.Run("a snapshot and clean exclude each other", d.snapshotAndCleanExcludeEachOther)
}

// storedSecrets are statements that replace MLflow's stored secrets by the current ones.
func (d *dataKeysLab) storedSecrets(t *testing.T) string {
	t.Helper()
	return inDatabase(t, d.deployed, d.docker, "mlflow", `
		SELECT format('UPDATE secrets SET wrapped_dek = %L, kek_version = %s WHERE secret_id = %L;', wrapped_dek, kek_version, secret_id) FROM secrets
		UNION ALL SELECT format('UPDATE webhooks SET secret = %L WHERE webhook_id = %L;', secret, webhook_id) FROM webhooks`)
}

// Each of them holds a lock of MLflow's database; the test takes the other one's here.
func (d *dataKeysLab) snapshotAndCleanExcludeEachOther(t *testing.T) {
	request := trash.Request{Delete: true, Trash: 24 * time.Hour, Orphans: 24 * time.Hour}
	clean := func() error {
		_, err := trash.Run(t.Context(), d.docker, d.deployed.MLflow.Container, request)
		return err
	}
	holding := func(function string, seconds int) (end func()) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = d.docker.Exec(ctx, d.deployed.Postgres.Container, []string{
				"psql", "--no-psqlrc", "--host=/tmp/postgresql", "--username=postgres", "--dbname=mlflow",
				fmt.Sprintf("--command=SELECT %s(hashtextextended('mlflow-sso rows and files', 0)), pg_sleep(%d)", function, seconds),
			})
		}()
		require.Eventually(t, func() bool {
			return inDatabase(t, d.deployed, d.docker, "mlflow", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted") != "0"
		}, 20*time.Second, 200*time.Millisecond)
		return func() { <-done; cancel() }
	}
	end := holding("pg_advisory_xact_lock_shared", 15) // as a snapshot
	require.ErrorIs(t, clean(), trash.ErrBusy)
	end()
	require.NoError(t, clean())

	end = holding("pg_advisory_xact_lock", 15) // as clean
	require.Contains(t, strings.Join(d.snapshot(t), "\n"), "waiting for the end of `mlflow-sso clean --delete`")
	end()
}
