package toolchain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// archives answers every request with an archive that contains the requested address.
func archives(t *testing.T, other string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "v"+plugins[1].version+"-darwin-arm64.tar.gz") {
			_, _ = w.Write([]byte("\x1f\x8b" + other))
			return
		}
		_, _ = w.Write([]byte("\x1f\x8b" + r.URL.Path))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/{file}"
}

func TestChecksumsOfAllArchivesArePinnedAsBothSitesHaveThem(t *testing.T) {
	var written bytes.Buffer
	require.NoError(t, PinChecksums(t.Context(), &written, []string{archives(t, "same"), archives(t, "same")}))

	require.True(t, strings.HasPrefix(written.String(), "# "), "the table says what it is")
	pinned, err := parseChecksums(written.String())
	require.NoError(t, err)
	require.Len(t, pinned, len(plugins)*len(checksumPlatforms))
	sum := sha256.Sum256([]byte("\x1f\x8b/pulumi-resource-docker-v" + plugins[0].version + "-linux-arm64.tar.gz"))
	require.Equal(t, hex.EncodeToString(sum[:]), pinned[checksumKey(plugins[0], "linux-arm64")])
}

func TestNothingIsPinnedWhereTheSitesDifferOrOneHasNoArchive(t *testing.T) {
	var written bytes.Buffer
	err := PinChecksums(t.Context(), &written, []string{archives(t, "one"), archives(t, "other")})
	require.ErrorContains(t, err, "want that of the other sites")

	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer login.Close()
	err = PinChecksums(t.Context(), &written, []string{archives(t, ""), login.URL + "/{file}"})
	require.ErrorContains(t, err, "want a gzip archive")
	require.Empty(t, written.String())
}

func TestTheVendorsAddressesAreThoseThatPulumiDownloadsFrom(t *testing.T) {
	p := plugins[0]
	var asked []string
	for _, server := range []string{"", vendorPlugins} {
		plugin, err := p.descriptor(server)
		require.NoError(t, err)
		source, err := plugin.GetSource()
		require.NoError(t, err)
		asked = append(asked, firstAddress(t, source, *plugin.Version))
	}
	for i, server := range VendorServers() {
		file := "pulumi-resource-" + p.plugin + "-v" + p.version + "-linux-amd64.tar.gz"
		require.Equal(t, strings.NewReplacer("{name}", p.plugin, "{version}", p.version, "{file}", file).Replace(server), asked[i])
	}
}
