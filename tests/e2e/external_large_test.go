//go:build e2e

package e2e

import (
	"crypto/sha256"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

// passesALargeFile writes a file larger than the server's /tmp, and reads it.
func passesALargeFile(t *testing.T, deployed outputs.Stack, beside kept) {
	t.Helper()
	const size = 1100 << 20
	at := kept{path: path.Dir(beside.path) + "/large.bin"}.at(deployed)
	who := slices.IndexFunc(deployed.DemoUsers, func(u outputs.User) bool { return u.Username == "demo-member" })
	require.GreaterOrEqual(t, who, 0)
	token, err := scenario.Bearer(t.Context(), deployed, openEngine(t), deployed.DemoUsers[who])
	require.NoError(t, err)
	ask := func(method string, body io.Reader, into io.Writer) int64 {
		request, err := http.NewRequestWithContext(t.Context(), method, at, body)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		if body != nil {
			request.ContentLength = size
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		require.Equal(t, http.StatusOK, answer.StatusCode)
		read, err := io.Copy(into, answer.Body)
		require.NoError(t, err)
		return read
	}
	sent, got := sha256.New(), sha256.New()
	// Random enough: its second half is not its first.
	source := io.LimitReader(io.TeeReader(mathrand.NewChaCha8([32]byte{}), sent), size)
	ask(http.MethodPut, source, io.Discard)
	require.EqualValues(t, size, ask(http.MethodGet, nil, got))
	require.Equal(t, sent.Sum(nil), got.Sum(nil))
	left, err := openEngine(t).Exec(t.Context(), deployed.MLflow.Container, []string{"find", "/mlflow/artifacts/passing", "-type", "f"})
	require.NoError(t, err)
	require.NoError(t, left.Err())
	require.Empty(t, left.Stdout, "files on their way are left behind")
}
