package image

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
)

// source is the file and pattern of a service's pinned version in its folder. Each match is one
// part of it; the first group, if any, is the name of that part.
type source struct {
	file    string
	pattern *regexp.Regexp
}

var sources = map[string]source{
	"postgres": {"Dockerfile", regexp.MustCompile(`(?m)--no-install-recommends (postgresql)-(\d+)\b`)},
	"keycloak": {"Dockerfile", regexp.MustCompile(`(?m)^ARG (KEYCLOAK)_VERSION=(\S+)`)},
	"mlflow":   {"requirements.txt", regexp.MustCompile(`(?m)^(mlflow|mlflow-oidc-auth)(?:\[[^\]]*\])?==([^\s\\;]+)`)},
}

// VersionedServices are the services with a data format of their own, which another version may have
// to migrate.
func VersionedServices() []string { return []string{"postgres", "keycloak", "mlflow"} }

// Version returns the version in the image, such as "mlflow 3.17.2, mlflow-oidc-auth 11.0.2", as
// its folder pins it; for a registry image it is the reference.
func (a *Args) Version() (string, error) {
	if a.Reference != "" {
		return a.Reference, nil
	}
	return PinnedVersion(os.DirFS(a.Folder), a.Service)
}

// PinnedVersion is the version of a service in the folder of all services.
func PinnedVersion(folder fs.FS, service string) (string, error) {
	from, ok := sources[service]
	if !ok {
		return "", fmt.Errorf("version of %q: want one of %s", service, strings.Join(VersionedServices(), ", "))
	}
	name := path.Join(service, from.file)
	content, err := fs.ReadFile(folder, name)
	if err != nil {
		return "", fmt.Errorf("version of %s: %w", service, err)
	}
	var parts []string
	for _, found := range from.pattern.FindAllStringSubmatch(string(content), -1) {
		parts = append(parts, strings.ToLower(found[1])+" "+found[2])
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("version of %s: %s pins none of the form %s", service, name, from.pattern)
	}
	return strings.Join(parts, ", "), nil
}
