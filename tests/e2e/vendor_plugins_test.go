//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
)

// pluginArchive is the archive of an installed plugin, as the vendor packs it.
func pluginArchive(t *testing.T, folder, name string) []byte {
	t.Helper()
	installed, err := filepath.Glob(filepath.Join(folder, "resource-"+name+"-v*", "pulumi-resource-"+name))
	require.NoError(t, err)
	require.Len(t, installed, 1)
	content, err := os.ReadFile(installed[0])
	require.NoError(t, err)
	var archive bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&archive, gzip.BestSpeed)
	require.NoError(t, err)
	files := tar.NewWriter(compressed)
	require.NoError(t, files.WriteHeader(&tar.Header{Name: filepath.Base(installed[0]), Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}))
	_, err = files.Write(content)
	require.NoError(t, errors.Join(err, files.Close(), compressed.Close()))
	return archive.Bytes()
}

// pluginVendor is a download site of plugins, and its requests.
type pluginVendor struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newPluginVendor(t *testing.T, folder string) *pluginVendor {
	t.Helper()
	vendor := &pluginVendor{}
	archives := map[string][]byte{}
	for _, name := range []string{"docker", "keycloak", "random"} {
		archives[name] = pluginArchive(t, folder, name)
	}
	wanted := regexp.MustCompile(`^/pulumi-resource-(\w+)-v[\d.]+-\w+-\w+\.tar\.gz$`)
	vendor.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		vendor.mu.Lock()
		vendor.asked = append(vendor.asked, r.URL.Path)
		vendor.mu.Unlock()
		name := wanted.FindStringSubmatch(r.URL.Path)
		if name == nil {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, r.URL.Path, time.Time{}, bytes.NewReader(archives[name[1]]))
	}))
	t.Cleanup(vendor.Close)
	return vendor
}

func (v *pluginVendor) requests() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.asked
	v.asked = nil
	return all
}

func TestPluginsOfTheVendorAreInstalledByPulumiAndStay(t *testing.T) {
	nightly(t)
	root, err := workingcopy.Find(".")
	require.NoError(t, err)
	home, err := datadir.Open()
	require.NoError(t, err)
	vendor := newPluginVendor(t, filepath.Join(home.Pulumi(), "plugins"))
	empty := filepath.Join(t.TempDir(), "home")
	bootstrap := func() (map[string]string, string) {
		command := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "mlflow-sso"), "bootstrap", "--output", "json")
		command.Dir = root
		command.Env = append(os.Environ(), "MLFLOW_SSO_FROM_SOURCE=", datadir.Variable+"="+empty, "PATH="+home.Bin()+":"+os.Getenv("PATH"),
			"PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES=^github://api.github.com/pulumi/.*="+vendor.URL)
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, io.MultiWriter(&stderr, os.Stderr)
		require.NoError(t, command.Run(), stderr.String())
		var said struct {
			Parts []struct{ Name, Version, From string }
		}
		require.NoError(t, json.Unmarshal(stdout.Bytes(), &said))
		from := map[string]string{}
		for _, part := range said.Parts {
			from[part.Name] = part.From
		}
		return from, stderr.String()
	}

	from, said := bootstrap()
	for _, plugin := range []string{"docker", "keycloak", "random"} {
		require.Contains(t, from["Pulumi plugin "+plugin], "the vendor's archive", said)
	}
	require.Equal(t, filepath.Join(home.Bin(), "pulumi"), from["Pulumi command line"], "the one on PATH")
	require.Len(t, vendor.requests(), 4, "a probe and three downloads")

	from, said = bootstrap()
	require.Contains(t, from["Pulumi plugin docker"], "the vendor's archive")
	require.Empty(t, vendor.requests())
	require.Len(t, strings.Split(strings.TrimSpace(said), "\n"), 1, said)
}
