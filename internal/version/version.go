// Package version says which build of the tool runs, and the versions of what goes with it.
package version

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/images"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
)

// Set by the linker: release is a tag such as v1.2.0, commit is that of the sources, and modified
// is "true" if they were changed since.
var release, commit, modified string

// devel is the version of what is not a release.
const devel = "devel"

// Build is one build of the tool. The tool is also the Pulumi program, so they have one version.
type Build struct {
	// Version is the release, or devel and the commit.
	Version string `json:"version"`
	// Commit is empty where it is not known.
	Commit string `json:"commit"`
	// Modified says that the sources were changed since the commit.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Part is something that goes with the tool, in the version that is pinned.
type Part struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Current is the build that runs.
func Current() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return of(info, release, commit, modified)
}

// of reads the build from what the linker set, else from what go build recorded.
func of(info *debug.BuildInfo, release, commit, modified string) Build {
	b := Build{Version: release, Commit: commit, Modified: modified == "true", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if b.Commit == "" {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				b.Commit = setting.Value
			case "vcs.modified":
				b.Modified = setting.Value == "true"
			}
		}
	}
	// A pseudo-version of go build is not a release.
	if main := info.Main.Version; b.Version == "" && strings.HasPrefix(main, "v") && !strings.HasPrefix(main, "v0.0.0-") && !strings.Contains(main, "+") {
		b.Version = main
	}
	if b.Version == "" {
		b.Version = devel
		if b.Commit != "" {
			b.Version += "+" + short(b.Commit)
		}
		if b.Modified {
			b.Version += ".modified"
		}
	}
	return b
}

func short(commit string) string { return commit[:min(len(commit), 12)] }

// Parts are what the tool deploys and what it deploys with, as pinned in this build.
func Parts() ([]Part, error) {
	var parts []Part
	for _, p := range toolchain.Pinned() {
		parts = append(parts, Part(p))
	}
	for _, service := range image.VersionedServices() {
		pinned, err := image.PinnedVersion(images.Pins, service)
		if err != nil {
			return nil, err
		}
		for one := range strings.SplitSeq(pinned, ", ") {
			name, number, _ := strings.Cut(one, " ")
			parts = append(parts, Part{title(name), number})
		}
	}
	return parts, nil
}

// title is how a service calls itself.
func title(name string) string {
	titles := map[string]string{"postgresql": "PostgreSQL", "keycloak": "Keycloak", "mlflow": "MLflow", "mlflow-oidc-auth": "MLflow plugin mlflow-oidc-auth"}
	if known, ok := titles[name]; ok {
		return known
	}
	return name
}
