// Package images holds the files of the images' folders that the command-line tool itself needs.
package images

import "embed"

// Probes are the modules of the package mlflow_sso.probes in MLflow's image.
//
//go:embed mlflow/python/mlflow_sso/probes/*.py
var Probes embed.FS

// Pins are the files that pin the versions of the services, in their folders.
//
//go:embed postgres/Dockerfile keycloak/Dockerfile mlflow/requirements.txt
var Pins embed.FS

// ProbesFolder is where they are in Probes.
const ProbesFolder = "mlflow/python/mlflow_sso/probes"
