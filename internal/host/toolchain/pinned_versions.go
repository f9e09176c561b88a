package toolchain

import "path/filepath"

// The pinned versions. A test in internal/host/toolchain compares them with the program's go.mod
// and with the sources under bootstrap.
const (
	pulumiVersion       = "3.258.0"
	languageHostVersion = "3.40.0"
)

// The minimum version of an installed Pulumi: older ones lack what the automation API and the
// plugins need.
const (
	oldestMajor = 3
	oldestMinor = 219
)

// part is one thing that is built from its own module.
type part struct {
	name    string // for messages
	version string
	source  string // directory under bootstrap
	target  string // the package that go build builds
	set     string // the variable that carries the version, if it is set at link time
	program string // the file under bin, for a program
	plugin  string // its name in Pulumi, for a plugin
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

// PluginNames returns Pulumi's names of the toolchain's plugins.
func PluginNames() []string {
	var names []string
	for _, p := range plugins {
		names = append(names, p.plugin)
	}
	return names
}

// Pin is a part of the toolchain in the version that is pinned.
type Pin struct{ Name, Version string }

// Pinned are all parts in the versions that are installed if the machine has none that will do.
func Pinned() []Pin {
	var pins []Pin
	for _, p := range append([]part{pulumi, languageHost}, plugins...) {
		pins = append(pins, Pin{p.name, p.version})
	}
	return pins
}

func plugin(name, version string) part {
	return part{
		name: "Pulumi plugin " + name, version: version, source: filepath.Join("plugins", name),
		target: ".", plugin: name,
	}
}
