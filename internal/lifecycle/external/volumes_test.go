package external

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/config"
)

func TestOnlyVolumesWhoseDataIsAtAnExternalServiceAreReplaced(t *testing.T) {
	c := &config.Config{Name: "lab"}
	require.Empty(t, ReplacedVolumes(c))
	c.Postgres.External, c.Artifacts.S3 = &config.ExternalPostgres{}, &config.S3{}
	require.Equal(t, []string{"lab-postgres-data", "lab-mlflow-artifacts"}, ReplacedVolumes(c))
}
