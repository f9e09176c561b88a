package stack

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// stateFile is a state as Pulumi's file backend writes it, with the outputs of a stack.
func stateFile(t *testing.T, outputs map[string]any) []byte {
	t.Helper()
	content, err := json.Marshal(map[string]any{"version": 3, "checkpoint": map[string]any{"latest": map[string]any{
		"manifest":  map[string]any{"time": "2026-05-04T10:00:00Z"},
		"resources": []any{map[string]any{"urn": "u", "type": "pulumi:pulumi:Stack", "outputs": outputs}},
	}}})
	require.NoError(t, err)
	return content
}

func secret() map[string]any {
	return map[string]any{resource.SigKey: resource.SecretSig, "ciphertext": "v1:not-for-eyes"}
}

func TestAStateIsReadWithoutItsPassphraseAndWithoutItsSecrets(t *testing.T) {
	t.Setenv("PULUMI_BACKEND_URL", "")
	h, err := datadir.At(filepath.Join(t.TempDir(), "home"))
	require.NoError(t, err)
	folder := filepath.Join(h.State(), ".pulumi", "stacks", "mlflow-sso")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	write := func(name string, content []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	lab := stateFile(t, map[string]any{
		"deployment": "mlflow-lab", "versions": map[string]any{"keycloak": "keycloak 26.7.3"},
		"keycloak":  map[string]any{"url": "http://localhost:8080", "admin": map[string]any{"username": "admin", "password": secret()}},
		"demoUsers": []any{map[string]any{"username": "ada", "password": secret()}, secret()}, "accessAdmin": secret(),
	})
	write("lab.json", lab)
	write("lab.json.bak", []byte("of an earlier update"))
	write("lab.json.attrs", []byte("{}"))
	write("new.json", []byte(`{"version":3,"checkpoint":{}}`))
	write("torn.json", []byte(`{"version":3,`))
	zipped, err := os.Create(filepath.Join(folder, "zipped.json.gz"))
	require.NoError(t, err)
	w := gzip.NewWriter(zipped)
	_, err = w.Write(stateFile(t, map[string]any{"deployment": "mlflow-zipped"}))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, zipped.Close())

	all, err := LocalStates(h)

	require.ErrorContains(t, err, "torn.json", "what cannot be read is reported, and hides no other")
	require.Len(t, all, 3)
	require.Equal(t, "lab", all[0].Stack)
	require.True(t, all[0].Up())
	require.Equal(t, "mlflow-lab", all[0].Deployed.Deployment)
	require.Equal(t, "http://localhost:8080", all[0].Deployed.Keycloak.URL)
	require.Empty(t, all[0].Deployed.Keycloak.Admin.Password)
	require.Len(t, all[0].Deployed.DemoUsers, 1)
	require.Equal(t, 2026, all[0].Updated.Year())
	read, err := json.Marshal(all)
	require.NoError(t, err)
	require.NotContains(t, string(read), "not-for-eyes")
	require.Equal(t, "new", all[1].Stack)
	require.False(t, all[1].Up())
	require.Equal(t, "mlflow-zipped", all[2].Deployed.Deployment)

	t.Setenv("PULUMI_BACKEND_URL", "s3://bucket")
	all, err = LocalStates(h)
	require.NoError(t, err)
	require.Empty(t, all, "a remote state is not read")
}

func TestWhatAStackWasDeployedFromIsRemembered(t *testing.T) {
	root := repositoryWith(t, "config:\n  mlflow-sso:name: lab\n")
	s := mirrored(t, root)
	// An earlier release left the folder in the copy of the project file alone.
	last, known := LastSource(s.Home, "lab")
	require.True(t, known)
	require.Equal(t, Source{Repository: root}, last)

	require.NoError(t, s.rememberSource())
	last, known = LastSource(s.Home, "lab")
	require.True(t, known)
	require.Equal(t, Source{Repository: root, File: filepath.Join(root, "Pulumi.lab.yaml")}, last)

	_, known = LastSource(s.Home, "other")
	require.False(t, known)

	// A preview works in a folder of its own, and leaves the data directory as it is.
	preview := *s
	preview.mirror, preview.File = t.TempDir(), "/another/Pulumi.lab.yaml"
	require.NoError(t, preview.rememberSource())
	last, _ = LastSource(s.Home, "lab")
	require.Equal(t, filepath.Join(root, "Pulumi.lab.yaml"), last.File)
}
