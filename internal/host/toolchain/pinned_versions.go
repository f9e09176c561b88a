package toolchain

import "path/filepath"

// The versions that the program is made for. internal/host/toolchain's test compares
// them with the program's go.mod and with the sources under bootstrap.
const (
	pulumiVersion       = "3.258.0"
	languageHostVersion = "3.40.0"
)

// A Pulumi that is on the machine already is used from this version on: older
// ones lack what the automation API and the plugins need.
const (
	oldestMajor = 3
	oldestMinor = 219
)

// part is one thing that is built from a module of its own.
type part struct {
	name    string // for people
	version string
	source  string // directory under bootstrap
	target  string // the package that go build builds
	set     string // the variable that carries the version, if it is set at link time
	program string // the file under bin, for a program
	plugin  string // the name that Pulumi knows it by, for a plugin
}

var (
	pulumi = part{
		name: "Pulumi command line", version: pulumiVersion, source: "pulumi", program: "pulumi",
		target: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
		set:    "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
	}
	languageHost = part{
		name: "Pulumi language host for Go", version: languageHostVersion, source: "language-go", program: "pulumi-language-go",
		target: "github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go",
		set:    "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
	}
	plugins = []part{plugin("docker", "4.11.2"), plugin("keycloak", "6.12.0"), plugin("random", "4.21.1")}
)

// PluginNames are the plugins of the toolchain as Pulumi calls them.
func PluginNames() []string {
	var names []string
	for _, p := range plugins {
		names = append(names, p.plugin)
	}
	return names
}

func plugin(name, version string) part {
	return part{
		name: "Pulumi plugin " + name, version: version, source: filepath.Join("plugins", name),
		target: ".", plugin: name,
	}
}
