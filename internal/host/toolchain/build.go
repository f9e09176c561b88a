package toolchain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// inputs returns what a part would be built from now.
func (b *builder) inputs(ctx context.Context, p part) (record, error) {
	hash, err := hashSources(b.sources(p), b.arguments(p, "")...)
	if err != nil {
		return record{}, err
	}
	compiler, missing := findGo()
	if missing != nil { // there may be nothing to build
		return record{Inputs: hash}, nil //nolint:nilerr // build says so if it has to be
	}
	ask := b.command(ctx, b.sources(p), compiler, "version")
	said, err := ask.Output()
	if err != nil {
		return record{}, fmt.Errorf("%s version: %w", compiler, err)
	}
	return record{Inputs: hash, Go: strings.TrimSpace(string(said))}, nil
}

func (b *builder) sources(p part) string { return filepath.Join(b.root, "bootstrap", p.source) }

func (b *builder) arguments(p part, output string) []string {
	link := "-s -w"
	if p.set != "" {
		link += " -X " + p.set + "=v" + p.version
	}
	// git may refuse to read the sources' checkout, so no VCS stamp.
	return []string{"build", "-v", "-trimpath", "-buildvcs=false", "-ldflags=" + link, "-o", output, p.target}
}

// build compiles a part into a file in the toolchain, and returns its path.
func (b *builder) build(ctx context.Context, s *progress.Step, p part) (string, error) {
	compiler, err := findGo()
	if err != nil {
		return "", err
	}
	output := filepath.Join(b.home.Toolchain(), "."+filepath.Base(p.source)+".build")
	build := b.command(ctx, b.sources(p), compiler, b.arguments(p, output)...)
	build.Stdout, build.Stderr = s.Writer(), s.Writer()
	if err := build.Run(); err != nil {
		_ = os.Remove(output)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("go build in %s: %w; a module that cannot be fetched means that GOPROXY (now %s) "+
			"is not reachable or does not have it", b.sources(p), err, proxy())
	}
	return output, nil
}

func proxy() string {
	if set := os.Getenv("GOPROXY"); set != "" {
		return set
	}
	return "Go's default"
}

// findGo returns the go command.
func findGo() (string, error) {
	if found, err := exec.LookPath("go"); err == nil {
		return found, nil
	}
	const usual = "/usr/local/go/bin/go"
	if _, err := os.Stat(usual); err == nil {
		return usual, nil
	}
	return "", errors.New("no go on PATH, and the toolchain has to be built; install Go 1.26 or later (https://go.dev/dl) " +
		"and put it on PATH, or install Pulumi 3.219 or later")
}

// command returns a command with the environment of the toolchain, which is interrupted when ctx
// ends.
func (b *builder) command(ctx context.Context, dir, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = dir
	command.Env = environment(os.Environ(), b.home.Toolchain(), b.home.Pulumi())
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	return command
}

// onPath reports whether a directory is in a PATH.
func onPath(path, dir string) bool { return slices.Contains(filepath.SplitList(path), dir) }

// environment returns the environment of builds and installations: the caller's with the
// additions; the last value of a name wins.
func environment(caller []string, toolchain, pulumiHome string) []string {
	added := additions(caller, toolchain, pulumiHome)
	env := slices.Clone(caller)
	for _, name := range slices.Sorted(maps.Keys(added)) {
		env = append(env, name+"="+added[name])
	}
	return env
}

// additions keep the caller's environment from affecting builds. Without a home directory, Go's
// caches go to the toolchain.
func additions(caller []string, toolchain, pulumiHome string) map[string]string {
	given := map[string]string{}
	for _, pair := range caller {
		name, value, _ := strings.Cut(pair, "=")
		given[name] = value
	}
	flags := "-mod=readonly"
	added := map[string]string{
		"GOWORK":                        "off",
		"CGO_ENABLED":                   "0", // no C compiler is needed
		"PULUMI_HOME":                   pulumiHome,
		"PULUMI_SKIP_UPDATE_CHECK":      "true",
		"PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
	}
	if given["HOME"] == "" {
		if given["GOPATH"] == "" {
			added["GOPATH"] = filepath.Join(toolchain, "go")
			flags += " -modcacherw" // so that the home can be removed like any directory
		}
		if given["GOCACHE"] == "" && given["XDG_CACHE_HOME"] == "" {
			added["GOCACHE"] = filepath.Join(toolchain, "go-build")
		}
	}
	if compiler, err := findGo(); err == nil && !onPath(given["PATH"], filepath.Dir(compiler)) {
		added["PATH"] = filepath.Dir(compiler) + string(os.PathListSeparator) + given["PATH"] // Pulumi looks for it there
	}
	added["GOFLAGS"] = flags
	return added
}
