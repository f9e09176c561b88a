package toolchain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// site is a plugin vendor, and the machine that installs from it.
type site struct {
	*builder
	plugin part
	// answer is the vendor's response to every request.
	answer http.HandlerFunc
	asked  int
	said   bytes.Buffer
	// compiled has a line for each build.
	compiled string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{plugin: plugins[0]}
	s.serve(packed(t, s.plugin, s.plugin.version))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked++
		s.answer(w, r)
	}))
	t.Cleanup(server.Close)
	home, err := datadir.At(t.TempDir())
	require.NoError(t, err)
	s.builder = &builder{home: home, root: filepath.Join("..", "..", ".."), server: server.URL, checksums: checksums{}}
	put(t, filepath.Join(home.Bin(), "pulumi"), as(t, "pulumi", ""))
	s.compiler(t, s.plugin.version)
	return s
}

func (s *site) serve(content []byte) {
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content)
	}
}

// compiler puts a go command on PATH that builds a plugin of a version.
func (s *site) compiler(t *testing.T, version string) {
	t.Helper()
	folder := t.TempDir()
	s.compiled = filepath.Join(folder, "compiled")
	put(t, filepath.Join(folder, "plugin"), as(t, "plugin", version))
	put(t, filepath.Join(folder, "go"), fmt.Sprintf(`#!/bin/sh
[ "$1" = version ] && { echo go version go1.26.0 linux/amd64; exit; }
echo built >>'%s'
while [ "$1" != -o ]; do shift; done
cp '%s' "$2"
`, s.compiled, filepath.Join(folder, "plugin")))
	t.Setenv("PATH", folder+":/bin:/usr/bin")
}

func (s *site) install(t *testing.T) Part {
	t.Helper()
	s.reached, s.asked = nil, 0
	s.said.Reset()
	s.log = progress.New(&s.said)
	made, err := s.builder.plugin(t.Context(), s.plugin)
	require.NoError(t, err)
	return made
}

func (s *site) builds(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(s.compiled)
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return strings.Count(string(text), "\n")
}

// done returns the final line of the step.
func (s *site) done() string {
	lines := strings.Split(strings.TrimSpace(s.said.String()), "\n")
	return lines[len(lines)-1]
}

func TestAPluginIsTheVendorsAndIsNotFetchedAgain(t *testing.T) {
	s := newSite(t)

	require.Equal(t, fromVendorTLS, s.install(t).From)
	require.Contains(t, s.done(), "no SHA-256 is pinned", "a person learns what protects it")
	require.Equal(t, 2, s.asked, "a probe and a download")
	require.Equal(t, fromVendorTLS, s.install(t).From)
	require.Zero(t, s.asked)
	require.Zero(t, s.builds(t))
}

func TestABuiltPluginStaysWithoutAskingTheVendor(t *testing.T) {
	s := newSite(t)
	s.source = FromSource
	require.Equal(t, fromProxy, s.install(t).From)
	require.Zero(t, s.asked, "--from-source never asks")

	s.source = Preferred
	require.Equal(t, fromProxy, s.install(t).From)

	require.Zero(t, s.asked)
	require.Equal(t, 1, s.builds(t))
}

func TestAPersonCanChangeTheSourceBothWays(t *testing.T) {
	s := newSite(t)
	s.install(t)
	s.source = FromSource
	require.Equal(t, fromProxy, s.install(t).From)
	require.Equal(t, 1, s.builds(t))

	s.source = FromVendor
	require.Equal(t, fromVendorTLS, s.install(t).From)
	s.install(t)
	require.Zero(t, s.asked, "it is the vendor's now")
	require.Equal(t, 1, s.builds(t))
}

func TestAPluginIsBuiltIfTheVendorHasNoneAndOneLineSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(*testing.T, *site)
		want   string
	}{
		"a login page": {func(_ *testing.T, s *site) {
			s.answer = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = w.Write([]byte("<html>Log in</html>"))
			}
		}, `got "text/html", want a gzip archive`},
		"a version that is not there": {func(_ *testing.T, s *site) { s.answer = http.NotFound }, "status 404"},
		"an archive of something else": {func(t *testing.T, s *site) {
			other := s.plugin
			other.plugin = "other"
			s.serve(packed(t, other, other.version))
		}, "ask its version"},
		"another version": {func(t *testing.T, s *site) { s.serve(packed(t, s.plugin, "1.2.3")) }, `reports version "1.2.3", want ` + plugins[0].version},
		"half an archive": {func(t *testing.T, s *site) {
			whole := packed(t, s.plugin, s.plugin.version)
			s.serve(whole[:len(whole)/2])
		}, "unexpected EOF"},
		"another checksum": {func(_ *testing.T, s *site) {
			s.checksums[checksumKey(s.plugin, thisPlatform())] = strings.Repeat("0", 64)
		}, "want the pinned 0000"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			test.answer(t, s)

			require.Equal(t, fromProxy, s.install(t).From)

			require.Contains(t, s.done(), "not the vendor's: ")
			require.Contains(t, s.done(), test.want)
			require.Equal(t, 1, s.builds(t))
			s.install(t)
			require.Zero(t, s.asked, "the record remembers it")
		})
	}
}

func TestAPluginWithThePinnedChecksumIsInstalledAndAnEarlierOneIsDownloadedAgain(t *testing.T) {
	s := newSite(t)
	content := packed(t, s.plugin, s.plugin.version)
	s.install(t)

	sum := sha256.Sum256(content)
	s.checksums[checksumKey(s.plugin, thisPlatform())] = hex.EncodeToString(sum[:])
	require.Equal(t, fromVendorPinned, s.install(t).From)

	require.Equal(t, 2, s.asked)
	require.Equal(t, fromVendorPinned, s.install(t).From)
	require.Zero(t, s.asked)
	require.Zero(t, s.builds(t))
}

func TestAVendorThatNeverAnswersCostsSecondsOnceForAllPlugins(t *testing.T) {
	s := newSite(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never responds
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	s.server = "http://" + silent.Addr().String()
	s.archive = &release{url: s.server}

	began := time.Now()
	s.install(t)
	_, err = s.vendor(t.Context())
	require.NoError(t, err)
	took := time.Since(began)

	require.Contains(t, s.done(), "deadline exceeded")
	require.GreaterOrEqual(t, took, answerWithin)
	require.Less(t, took, answerWithin+time.Second, "the command line's archive does not wait again")
}

func TestAVendorThatDoesNotAnswerLeavesABuiltPluginInPlace(t *testing.T) {
	s := newSite(t)
	s.source = FromSource
	s.install(t)
	s.source, s.answer = FromVendor, http.NotFound

	require.Equal(t, fromProxy, s.install(t).From)

	require.Contains(t, s.done(), "already there")
	require.Contains(t, s.done(), "status 404")
	require.Equal(t, 1, s.builds(t))
}

func TestABuiltPluginOfAnotherVersionIsAnError(t *testing.T) {
	s := newSite(t)
	s.source = FromSource
	s.compiler(t, "0.0.1")
	s.log = progress.New(&s.said)

	_, err := s.builder.plugin(t.Context(), s.plugin)

	require.ErrorContains(t, err, `reports version "0.0.1"`)
	require.NoFileExists(t, s.recordOf(s.plugin))
}

func TestTheEnvironmentAsksForBuiltPartsOnlyWhereNoFlagDoes(t *testing.T) {
	for text, want := range map[string]Source{"": Preferred, "0": Preferred, "1": FromSource, "true": FromSource} {
		t.Setenv(SourceVariable, text)
		got, err := Preferred.orEnvironment()
		require.NoError(t, err)
		require.Equal(t, want, got, text)
		got, err = FromVendor.orEnvironment()
		require.NoError(t, err)
		require.Equal(t, FromVendor, got)
	}
	t.Setenv(SourceVariable, "yes please")
	_, err := Preferred.orEnvironment()
	require.EqualError(t, err, `MLFLOW_SSO_FROM_SOURCE: got "yes please", want 1 or 0`)
}

func TestEveryPinnedChecksumIsOfAPluginAndAPlatformOfToday(t *testing.T) {
	wanted := map[string]bool{}
	for _, p := range plugins {
		for _, platform := range checksumPlatforms {
			wanted[checksumKey(p, platform)] = true
		}
	}
	pinned, err := parseChecksums(checksumTable)
	require.NoError(t, err)
	for key := range pinned {
		require.True(t, wanted[key], "%s: run make plugin-checksums", key)
	}
	require.Contains(t, []int{0, len(wanted)}, len(pinned), "all or none")
}

func TestAChecksumTableWithAMistakeIsRefused(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for _, table := range []string{"docker 1.0.0 " + sum, "docker 1.0.0 linux-amd64 abc", "a 1 b " + sum + "\na 1 b " + sum} {
		_, err := parseChecksums(table)
		require.ErrorContains(t, err, "line ")
	}
	found, err := parseChecksums("# nothing\n\na 1 b " + sum + " # twice checked\n")
	require.NoError(t, err)
	require.Equal(t, checksums{"a 1 b": sum}, found)
}
