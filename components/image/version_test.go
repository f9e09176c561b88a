package image

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheVersionOfAnImageIsWhatItsFolderPins(t *testing.T) {
	root := t.TempDir()
	write(t, root, "postgres/Dockerfile", "RUN apt-get install --yes --no-install-recommends postgresql-15 \\\n && true\n", 0o600)
	write(t, root, "keycloak/Dockerfile", "ARG BASE\nARG KEYCLOAK_VERSION=26.7.3\nARG KEYCLOAK_SHA256=0\n", 0o600)
	write(t, root, "mlflow/requirements.txt", "mlflow==3.17.2 \\\n    --hash=sha256:0\nmlflow-oidc-auth[cache]==7.18.0 \\\nmlflow-skinny==3.17.2\n", 0o600)
	for service, want := range map[string]string{
		"postgres": "postgresql 15", "keycloak": "keycloak 26.7.3", "mlflow": "mlflow 3.17.2, mlflow-oidc-auth 7.18.0",
	} {
		got, err := (&Args{Service: service, Folder: root}).Version()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := (&Args{Service: "mlflow", Folder: root, Reference: "registry.example/mlflow:1"}).Version()
	require.NoError(t, err)
	require.Equal(t, "registry.example/mlflow:1", got)
}

func TestAFolderThatPinsNoVersionIsNamed(t *testing.T) {
	root := t.TempDir()
	write(t, root, "keycloak/Dockerfile", "FROM base\n", 0o600)
	_, err := (&Args{Service: "keycloak", Folder: root}).Version()
	require.ErrorContains(t, err, "keycloak/Dockerfile pins none")
	_, err = (&Args{Service: "redis", Folder: root}).Version()
	require.ErrorContains(t, err, "want one of postgres, keycloak, mlflow")
}

func TestTheFoldersOfThisRepositoryPinTheirVersions(t *testing.T) {
	for _, service := range VersionedServices() {
		got, err := (&Args{Service: service, Folder: "../../images"}).Version()
		require.NoError(t, err)
		require.Regexp(t, `\d`, got, service)
	}
}
