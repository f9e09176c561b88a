package toolchain

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// served returns the builder of an empty home whose vendor has an archive with the given files,
// and the number of its downloads.
func served(t *testing.T, names ...string) (*builder, *int) {
	t.Helper()
	var content bytes.Buffer
	packed := gzip.NewWriter(&content)
	files := tar.NewWriter(packed)
	for _, name := range names {
		require.NoError(t, files.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(name)), Typeflag: tar.TypeReg}))
		_, err := io.WriteString(files, name)
		require.NoError(t, err)
	}
	require.NoError(t, files.Close())
	require.NoError(t, packed.Close())
	gets := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/" {
			gets++
		}
		_, _ = w.Write(content.Bytes())
	}))
	t.Cleanup(server.Close)
	h, err := datadir.At(t.TempDir())
	require.NoError(t, err)
	sum := sha256.Sum256(content.Bytes())
	archive := &release{server.URL, hex.EncodeToString(sum[:])}
	return &builder{home: h, root: filepath.Join("..", "..", ".."), log: progress.New(io.Discard), archive: archive, server: server.URL}, &gets
}

func TestTheVendorsProgramsAreDownloadedOnceAndExecutable(t *testing.T) {
	b, gets := served(t, "pulumi/README.md", "pulumi/pulumi", "pulumi/pulumi-language-nodejs", "pulumi/pulumi-language-go")

	for range 2 {
		ready, err := b.vendor(t.Context())
		require.NoError(t, err)
		require.True(t, ready)
	}

	require.Equal(t, 1, *gets)
	entries, err := os.ReadDir(b.home.Bin())
	require.NoError(t, err)
	require.Len(t, entries, 2, "only what is needed, and no drafts")
	for _, entry := range entries {
		found, err := entry.Info()
		require.NoError(t, err)
		require.NotZero(t, found.Mode().Perm()&0o100, entry.Name())
	}
}

func TestAnArchiveThatIsNotThePinnedOneIsNeverUnpacked(t *testing.T) {
	b, _ := served(t, "pulumi/pulumi", "pulumi/pulumi-language-go")
	b.archive.sha256 = hex.EncodeToString(make([]byte, sha256.Size))

	ready, err := b.vendor(t.Context())

	require.NoError(t, err, "there is another way")
	require.False(t, ready)
	entries, err := os.ReadDir(b.home.Bin())
	require.NoError(t, err)
	require.Empty(t, entries)
	left, err := filepath.Glob(filepath.Join(b.home.Toolchain(), ".archive-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAnArchiveWithoutTheLanguageHostIsIncomplete(t *testing.T) {
	b, _ := served(t, "pulumi/pulumi")

	ready, err := b.vendor(t.Context())

	require.NoError(t, err)
	require.False(t, ready)
	require.NoFileExists(t, b.recordOf(pulumi))
}

func TestAnUnreachableVendorIsNotAnError(t *testing.T) {
	b, _ := served(t)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	b.archive, b.server = &release{url: server.URL}, server.URL

	ready, err := b.vendor(t.Context())

	require.NoError(t, err)
	require.False(t, ready)
}

func TestEveryPinnedArchiveIsOfTheVersionThatIsBuiltToo(t *testing.T) {
	archive := published()
	if archive == nil {
		t.Skip("none is pinned for this system")
	}
	require.Contains(t, archive.url, "pulumi-v"+pulumiVersion+"-")
	require.Len(t, archive.sha256, 2*sha256.Size)
}
