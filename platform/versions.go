package platform

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/config"
)

// Images returns the images in the settings, in the order of their creation. Folder contains a
// folder per service.
func Images(c *config.Config, folder string) []image.Args {
	all := []image.Args{
		{Service: "postgres", Reference: c.Images.Postgres},
		{Service: "redis", Reference: c.Images.Redis},
		{Service: "keycloak", Reference: c.Images.Keycloak},
		{Service: "mlflow", Reference: c.Images.MLflow},
		{Service: "edge", Reference: c.Images.Edge},
		{Service: "backup", Reference: c.Images.Backup},
	}
	without := map[string]bool{
		"postgres": c.Postgres.External != nil, "redis": c.Redis.External != nil, "edge": !c.Edge.Enabled(), "backup": c.Backup == nil,
	}
	all = slices.DeleteFunc(all, func(a image.Args) bool { return without[a.Service] })
	for i := range all {
		all[i].Deployment, all[i].Folder, all[i].Base, all[i].Date = c.Name, folder, c.Images.Base, c.Images.Date
	}
	return all
}

// Versions returns the versions of the services with a data format of their own.
func Versions(c *config.Config, folder string) (map[string]string, error) {
	versions := map[string]string{}
	for _, a := range Images(c, folder) {
		if !slices.Contains(image.VersionedServices(), a.Service) {
			continue
		}
		version, err := a.Version()
		if err != nil {
			return nil, err
		}
		versions[a.Service] = version
	}
	return versions, nil
}

func versionOutputs(c *config.Config, folder string) (pulumi.StringMap, error) {
	versions, err := Versions(c, folder)
	return pulumi.ToStringMap(versions), err
}
