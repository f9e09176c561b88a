package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const projectText = `name: mlflow-sso
runtime: go
config:
  mlflow-sso:name:
    type: string
  mlflow-sso:restartPolicy:
    type: string
    default: always
  mlflow-sso:postgres:
    type: object
    default: {memoryMB: 300}
`

const stackText = `config:
  mlflow-sso:name: of-the-stack
  mlflow-sso:mlflow: {publicURL: "http://localhost:5000"}
  mlflow-sso:keycloak: {publicURL: "http://localhost:8080"}
  mlflow-sso:realm: {sslRequired: none}
`

func files(t *testing.T, project, stack string) (string, string) {
	t.Helper()
	folder := t.TempDir()
	projectFile, stackFile := filepath.Join(folder, "Pulumi.yaml"), filepath.Join(folder, "Pulumi.test.yaml")
	require.NoError(t, os.WriteFile(projectFile, []byte(project), 0o600))
	require.NoError(t, os.WriteFile(stackFile, []byte(stack), 0o600))
	return projectFile, stackFile
}

func TestFileHasTheDefaultsOfTheProjectUnderItsOwnValues(t *testing.T) {
	c, err := LoadFile(files(t, projectText, stackText))
	require.NoError(t, err)
	require.Equal(t, "of-the-stack", c.Name)
	require.Equal(t, "always", c.RestartPolicy)
	require.Equal(t, 300, c.Postgres.MemoryMB)

	c, err = LoadFile(files(t, projectText, stackText+"  mlflow-sso:restartPolicy: \"no\"\n"))
	require.NoError(t, err)
	require.Equal(t, "no", c.RestartPolicy)
}

func TestFileWithAMistakeNamesTheKey(t *testing.T) {
	_, err := LoadFile(files(t, projectText, stackText+"  mlflow-sso:colour: blue\n"))
	require.ErrorContains(t, err, "mlflow-sso:colour: unknown setting")
	_, err = LoadFile(files(t, projectText, stackText+"  mlflow-sso:protectData: {secure: v1:abc}\n"))
	require.ErrorContains(t, err, "mlflow-sso:protectData: is encrypted")
}

func TestAMissingFileIsNamed(t *testing.T) {
	projectFile, _ := files(t, projectText, stackText)
	_, err := LoadFile(filepath.Join(t.TempDir(), "Pulumi.yaml"), "any")
	require.ErrorContains(t, err, "project file: ")
	_, err = LoadFile(projectFile, filepath.Join(filepath.Dir(projectFile), "Pulumi.missing.yaml"))
	require.Error(t, err)
}
