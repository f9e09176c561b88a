package toolchain

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	root, err := workingcopy.Find(".")
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(text)
}

func TestEveryPluginHasTheVersionOfTheProgramsSDK(t *testing.T) {
	program := read(t, "go.mod")
	require.NotEmpty(t, plugins)
	for _, p := range plugins {
		sdk := regexp.MustCompile(`pulumi-` + p.plugin + `/sdk/v\d+ v` + regexp.QuoteMeta(p.version) + `\n`)
		require.Regexp(t, sdk, program, "the program's go.mod")
		require.Regexp(t, sdk, read(t, "bootstrap", p.source, "go.mod"), "the SDK that the plugin is compared with")
		require.Contains(t, read(t, "bootstrap", p.source, "provider.go"), `version = "`+p.version+`"`)
		require.FileExists(t, filepath.Join("..", "..", "..", "bootstrap", p.source, "go.sum"))
	}
}

func TestEveryProgramIsBuiltFromItsDeclaredVersion(t *testing.T) {
	require.Contains(t, read(t, "bootstrap", pulumi.source, "go.mod"), "github.com/pulumi/pulumi/pkg/v3 v"+pulumiVersion)
	require.Contains(t, read(t, "bootstrap", languageHost.source, "go.mod"), "github.com/pulumi/pulumi/sdk/v3 v"+languageHostVersion)
	for _, p := range []part{pulumi, languageHost} {
		require.Contains(t, read(t, "bootstrap", p.source, "go.mod"), "tool "+p.target+"\n")
		require.NotEmpty(t, read(t, "bootstrap", p.source, "go.sum"))
	}
}

func TestOnlyAPulumiThatTheProgramCanUseIsNewEnough(t *testing.T) {
	for version, want := range map[string]bool{
		"3.219.0": true, "3.258.0": true, "3.300.1-alpha.1": true,
		"3.218.9": false, "2.300.0": false, "4.0.0": false, "": false, "dev": false,
	} {
		require.Equal(t, want, newEnough(version), version)
	}
}

func TestEnvironmentNeverNeedsAHomeDirectoryAndAlwaysObeysGoSum(t *testing.T) {
	last := func(env []string, name string) string {
		value := ""
		for _, pair := range env {
			if rest, ok := strings.CutPrefix(pair, name+"="); ok {
				value = rest
			}
		}
		return value
	}
	without := environment([]string{"PATH=/bin", "GOFLAGS=-mod=mod"}, "/t", "/t/pulumi")
	require.Equal(t, "/t/go", last(without, "GOPATH"))
	require.Equal(t, "/t/go-build", last(without, "GOCACHE"))
	require.Equal(t, "-mod=readonly -modcacherw", last(without, "GOFLAGS"))
	require.Equal(t, "off", last(without, "GOWORK"))
	require.Equal(t, "/t/pulumi", last(without, "PULUMI_HOME"))

	with := environment([]string{"HOME=/h", "GOTOOLCHAIN=local", "GOPROXY=https://p.example", "PULUMI_HOME=/other"}, "/t", "/t/pulumi")
	require.Empty(t, last(with, "GOPATH"))
	require.Empty(t, last(with, "GOCACHE"))
	require.Equal(t, "-mod=readonly", last(with, "GOFLAGS"))
	require.Equal(t, "local", last(with, "GOTOOLCHAIN"))
	require.Equal(t, "https://p.example", last(with, "GOPROXY"))
	require.Equal(t, "/t/pulumi", last(with, "PULUMI_HOME"))
}

func TestEnvironmentHasTheCompilerOnPathSincePulumiLooksForItThere(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "go"), "#!/bin/sh\n")
	t.Setenv("PATH", dir)

	require.Contains(t, environment([]string{"PATH=/usr/bin"}, "/t", "/t/pulumi"), "PATH="+dir+":/usr/bin")
	for _, pair := range environment([]string{"PATH=/usr/bin:" + dir}, "/t", "/t/pulumi")[1:] {
		require.False(t, strings.HasPrefix(pair, "PATH="), pair)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o755))
}

func TestTheHashChangesWithTheSourcesAndNeverWithTheirTests(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "go.mod"), "module m")
	hash := func(how ...string) string {
		text, err := hashSources(dir, how...)
		require.NoError(t, err)
		return text
	}
	before := hash("build")
	require.NotEqual(t, before, hash("build", "-race"))

	put(t, filepath.Join(dir, "m_test.go"), "package m")
	put(t, filepath.Join(dir, "testdata", "x.go"), "package x")
	require.Equal(t, before, hash("build"))

	for _, name := range []string{"m.go", "go.sum", "go.mod"} {
		put(t, filepath.Join(dir, name), "changed")
		after := hash("build")
		require.NotEqual(t, before, after, name)
		before = after
	}

	_, err := hashSources(filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "complete working copy")
}

func TestAPartIsBuiltAgainExactlyWhenSomethingChanged(t *testing.T) {
	dir := t.TempDir()
	kept, binary := filepath.Join(dir, "built", "x.json"), filepath.Join(dir, "x")
	now := record{Inputs: "i", Go: "go version go1.26.0 linux/amd64"}
	require.Equal(t, "it is not there yet", now.stale(kept, binary))
	put(t, binary, "program")
	require.Equal(t, "its inputs are unknown", now.stale(kept, binary))
	require.NoError(t, now.write(kept, binary))

	require.Empty(t, now.stale(kept, binary))
	require.Empty(t, record{Inputs: "i"}.stale(kept, binary), "no compiler is no reason")
	require.Equal(t, "its sources have changed", record{Inputs: "j", Go: now.Go}.stale(kept, binary))
	require.Contains(t, record{Inputs: "i", Go: "go version go1.27.0 linux/amd64"}.stale(kept, binary), "go1.26.0")
	put(t, binary, "half a prog")
	require.Equal(t, "it is not what was built", now.stale(kept, binary))
	put(t, kept, "{")
	require.Equal(t, "its inputs are unknown", now.stale(kept, binary))
	require.NoError(t, forget(kept))
	require.NoError(t, forget(kept))
}

func TestAPulumiOnPathIsUsedOnlyWithItsLanguageHost(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	put(t, filepath.Join(dir, "pulumi"), "#!/bin/sh\necho v3.250.0\n")
	_, ok := findInstalled(t.Context(), filepath.Join(dir, "own"))
	require.False(t, ok, "there is no language host")

	put(t, filepath.Join(dir, "pulumi-language-go"), "#!/bin/sh\n")
	found, ok := findInstalled(t.Context(), filepath.Join(dir, "own"))
	require.True(t, ok)
	require.Equal(t, installed{filepath.Join(dir, "pulumi"), filepath.Join(dir, "pulumi-language-go"), "3.250.0"}, found)

	_, ok = findInstalled(t.Context(), dir)
	require.False(t, ok, "it is this tool's own")

	put(t, filepath.Join(dir, "pulumi"), "#!/bin/sh\necho v3.100.0\n")
	_, ok = findInstalled(t.Context(), filepath.Join(dir, "own"))
	require.False(t, ok, "it is too old")
}
