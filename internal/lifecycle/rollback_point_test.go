package lifecycle

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// kept is a stack with its own home and nothing running.
func kept(t *testing.T) *stack.Stack {
	t.Helper()
	at, err := datadir.At(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(at.Stack("lab"), "way-back"), 0o700))
	return &stack.Stack{Options: stack.Options{Name: "lab", Home: at}, Config: &config.Config{Name: "lab-here"}}
}

func TestTheSettingsOfTheWayBackNameTheKeptImagesAndKeepTheRest(t *testing.T) {
	got, err := withImages([]byte("config:\n  mlflow-sso:name: lab-here\n  mlflow-sso:images:\n    base: registry.example/base:1\n    mlflow: registry.example/mlflow:2\n"),
		map[string]string{"mlflow": "lab-here/mlflow:way-back", "redis": "lab-here/redis:way-back"})
	require.NoError(t, err)
	require.YAMLEq(t, `{config: {"mlflow-sso:name": lab-here, "mlflow-sso:images": {
		base: "registry.example/base:1", mlflow: "lab-here/mlflow:way-back", redis: "lab-here/redis:way-back"}}}`, string(got))

	got, err = withImages([]byte("config:\n  mlflow-sso:name: lab-here\n"), map[string]string{"redis": "r"})
	require.NoError(t, err)
	require.YAMLEq(t, `{config: {"mlflow-sso:name": lab-here, "mlflow-sso:images": {redis: r}}}`, string(got))

	_, err = withImages([]byte("name: nothing\n"), nil)
	require.ErrorContains(t, err, "no config")
}

func TestARolledBackStackHasItsPreviousVersions(t *testing.T) {
	s := kept(t)
	require.NoError(t, writeRollbackPoint(s, &RollbackPoint{Stage: Back, Versions: map[string]string{"mlflow": "mlflow 3.17.2", "postgres": "postgresql 15"}}))

	got, err := versionsBefore(s, map[string]string{"mlflow": "lab-here/mlflow:way-back", "postgres": "postgresql 17", "keycloak": "registry.example/keycloak:way-back"})

	require.NoError(t, err)
	require.Equal(t, map[string]string{"mlflow": "mlflow 3.17.2", "postgres": "postgresql 17", "keycloak": "registry.example/keycloak:way-back"}, got)
}

func TestNoUpdateRunsDuringAnUnfinishedUpgrade(t *testing.T) {
	s := kept(t)
	require.NoError(t, writeRollbackPoint(s, &RollbackPoint{Stage: Changing}))

	err := RequireRehearsal(t.Context(), s)

	require.ErrorContains(t, err, "upgrade --rollback --stack lab")
}

func TestWithoutAnUpgradeThereIsNoWayBack(t *testing.T) {
	way, err := ReadRollbackPoint(kept(t))
	require.NoError(t, err)
	require.Nil(t, way)
}
