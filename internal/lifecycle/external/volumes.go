package external

import (
	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// ReplacedVolumes returns the names of volumes whose data the settings keep external.
func ReplacedVolumes(c *config.Config) []string { return volumes(c, true) }

// DataVolumes returns the names of the volumes with the stack's data.
func DataVolumes(c *config.Config) []string { return volumes(c, false) }

func volumes(c *config.Config, external bool) []string {
	var names []string
	if (c.Postgres.External != nil) == external {
		names = append(names, naming.Volume(c.Name, naming.PostgresData))
	}
	if (c.Artifacts.S3 != nil) == external {
		names = append(names, naming.Volume(c.Name, naming.MLflowArtifacts))
	}
	return names
}
