package external

import "github.com/mlflow-sso/mlflow-sso/config"

// ReplacedVolumes are the names of the volumes that the settings have no use for, since
// what was in them is elsewhere.
func ReplacedVolumes(c *config.Config) []string {
	var names []string
	if c.Postgres.External != nil {
		names = append(names, c.Name+"-postgres-data")
	}
	if c.Artifacts.S3 != nil {
		names = append(names, c.Name+"-mlflow-artifacts")
	}
	return names
}
