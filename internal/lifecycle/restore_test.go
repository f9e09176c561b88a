package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

func TestARestoreIsRefusedWhereTheDiskHasNoRoomForIt(t *testing.T) {
	var m backup.Manifest
	m.DatabasesBytes, m.Artifacts.Bytes = 5, 7
	require.Equal(t, uint64(17+roomToRun), roomOf(m))
	m.Artifacts.Bytes = 1 << 60
	require.ErrorContains(t, roomIn(t.TempDir(), roomOf(m), "go there"), "the disk is full")
}

// A verification must not write to objects of the original stack.
func TestTheStackOfAProofSharesNothingWithTheOneThatItProves(t *testing.T) {
	root, err := workingcopy.Find(".")
	require.NoError(t, err)
	folder := t.TempDir()
	secret := func(name string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte("a secret of the tests, "+name), 0o600))
		return path
	}
	raw, err := os.ReadFile(filepath.Join(root, "Pulumi.prod.yaml"))
	require.NoError(t, err)
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	file.Config["mlflow-sso:redis"] = map[string]any{"external": map[string]any{"host": "cache.example.com", "passwordFile": secret("redis")}}
	file.Config["mlflow-sso:postgres"] = map[string]any{"memoryMB": 777, "external": map[string]any{"host": "db.example.com", "passwordFiles": map[string]any{
		"mlflow": secret("mlflow"), "mlflow_auth": secret("auth"), "keycloak": secret("keycloak"),
	}}}
	file.Config["mlflow-sso:artifacts"] = map[string]any{"s3": map[string]any{"bucket": "artifacts", "accessKeyID": "AKIA123", "secretKeyFile": secret("s3")}}
	file.Config["mlflow-sso:backup"] = map[string]any{"directory": "/srv/snapshots", "recoveryPassphraseFile": secret("recovery")}
	text, err := yaml.Marshal(file)
	require.NoError(t, err)
	source := filepath.Join(folder, "Pulumi.x.yaml")
	require.NoError(t, os.WriteFile(source, text, 0o600))
	before, err := stack.Settings(root, "x", source)
	require.NoError(t, err)

	made, err := RehearsalFile(root, "x", source, folder)

	require.NoError(t, err)
	got, err := stack.Settings(root, "x-proof", made)
	require.NoError(t, err)
	require.NotEqual(t, before.Name, got.Name)
	require.False(t, got.ProtectData)
	require.Equal(t, config.NoEdge, got.Edge.Certificates)
	require.Nil(t, got.Postgres.External)
	require.Nil(t, got.Redis.External)
	require.Nil(t, got.Artifacts.S3)
	require.Zero(t, got.Backup.Interval, "it would take snapshots of itself")
	require.True(t, got.MLflow.PublicURL.Loopback() && got.Keycloak.PublicURL.Loopback())
	// Everything that is not in the way stays.
	require.Equal(t, 777, got.Postgres.MemoryMB)
	require.Equal(t, before.Backup.Directory, got.Backup.Directory)
	require.Equal(t, before.MLflow.Workers, got.MLflow.Workers)
}

func TestTheNameOfAProofIsAlwaysAName(t *testing.T) {
	for _, name := range []string{"a", "mlflow-sso-prod", strings.Repeat("a", 40), strings.Repeat("a", 33) + "-bcdefg"} {
		got := proofName(name)
		require.LessOrEqual(t, len(got), 40)
		require.Regexp(t, `^[a-z][a-z0-9]*(-[a-z0-9]+)*-proof$`, got)
	}
}
