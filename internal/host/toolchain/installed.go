package toolchain

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// installed is a Pulumi that was already on the machine.
type installed struct{ pulumi, languageHost, version string }

// findInstalled searches PATH for a recent enough Pulumi with its Go language host next to it or
// on PATH. The one in bin is this tool's own.
func findInstalled(ctx context.Context, bin string) (installed, bool) {
	command, err := exec.LookPath("pulumi")
	if err != nil {
		return installed{}, false
	}
	file, err := filepath.EvalSymlinks(command)
	if err != nil || within(bin, command) || within(bin, file) {
		return installed{}, false
	}
	host := filepath.Join(filepath.Dir(file), languageHost.program)
	if _, err := os.Stat(host); err != nil {
		if host, err = exec.LookPath(languageHost.program); err != nil || within(bin, host) {
			return installed{}, false
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ask := exec.CommandContext(ctx, command, "version")
	ask.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true")
	said, err := ask.Output()
	version := strings.TrimPrefix(strings.TrimSpace(string(said)), "v")
	if err != nil || !newEnough(version) {
		return installed{}, false
	}
	return installed{pulumi: command, languageHost: host, version: version}, true
}

func within(dir, path string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && !strings.HasPrefix(relative, "..")
}

// newEnough reports whether a Pulumi of this version can run the program.
func newEnough(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d.", &major, &minor); err != nil {
		return false
	}
	return major == oldestMajor && minor >= oldestMinor
}
