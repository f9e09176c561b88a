package security

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var wanted = []secret{{"owner", []byte("0123456789-secret-0123456789")}}

func TestASecretIsFoundAlsoWhereTwoPartsMeet(t *testing.T) {
	text := strings.Repeat("x", 100) + string(wanted[0].value) + strings.Repeat("y", 100)
	for cut := range text {
		last := &tail{all: wanted, where: "here"}
		for _, part := range []string{text[:cut], text[cut:]} {
			_, err := last.Write([]byte(part))
			require.NoError(t, err)
		}
		require.Equal(t, []string{"that of owner in here"}, last.leaks, "cut at %d", cut)
		require.EqualValues(t, len(text), last.length)
	}
}

// saved returns the output of `docker save` for an image with one layer.
func saved(t *testing.T, layer string, pack bool) *bytes.Buffer {
	t.Helper()
	content := []byte(layer)
	if pack {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write(content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		content = packed.Bytes()
	}
	var all bytes.Buffer
	w := tar.NewWriter(&all)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "1/layer.tar", Mode: 0o600, Size: int64(len(content)), Typeflag: tar.TypeReg}))
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return &all
}

func TestASecretInALayerIsFoundPackedOrNotAndNeverShown(t *testing.T) {
	layer := "etc/passwd " + string(wanted[0].value)
	for _, packed := range []bool{false, true} {
		leaks, length, err := searchImages(saved(t, layer, packed), wanted)
		require.NoError(t, err)
		require.EqualValues(t, len(layer), length)
		require.Equal(t, []string{"that of owner in a layer, 1/layer.tar"}, leaks)
		_, err = judgeSecrets(leaks, "images", wanted)
		require.ErrorContains(t, err, "owner")
		require.NotContains(t, err.Error(), string(wanted[0].value))
	}
}

func TestASearchThatCannotReadLayersProvesNothing(t *testing.T) {
	_, _, err := searchImages(saved(t, "in an unknown format", false), wanted)
	require.ErrorContains(t, err, "no layer names")
}

func TestClientsOfARunInProgressAreNeverDeleted(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, stale := range map[string]bool{
		"mlflow-sso-attack-1799990000-abc": true, "mlflow-sso-attack-1799999000-abc": false, "mlflow-sso-attack-": false,
		"mlflow-sso-attack-old-abc": false, "mlflow": false, "other-1-abc": false,
	} {
		require.Equal(t, stale, isStaleMint(name, now), name)
	}
}
