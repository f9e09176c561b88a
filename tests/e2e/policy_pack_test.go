//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
)

func TestAMandatoryPolicyStopsPreviewAndUpBeforeAnythingIsCreated(t *testing.T) {
	nightly(t)
	l, err := nameLab(t.TempDir())
	require.NoError(t, err)
	settings := `config:
  mlflow-sso:name: %s
  mlflow-sso:edge:
    certificates: internal
    httpPort: %d
    httpsPort: %d
  mlflow-sso:mlflow:
    publicURL: https://mlflow.%[1]s.test:%[3]d
  mlflow-sso:keycloak:
    publicURL: https://auth.%[1]s.test:%[3]d
    port: %[4]d
`
	ports, err := freeport.Ports(3)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(l.file, fmt.Appendf(nil, settings, l.name, ports[0], ports[1], ports[2]), 0o600))
	pack, path := buildPolicyPack(t, l.root)
	l.env = append(l.env, "PATH="+path+":"+os.Getenv("PATH"))

	t.Cleanup(func() { l.must(t, "destroy", "--delete-data", "--yes") }) // of the empty stack

	for _, command := range []string{"preview", "up"} {
		got, err := l.run(t.Context(), command, "--policy-pack", pack)
		require.NoError(t, err)
		require.Equal(t, 1, got.code, got.stderr)
		require.Contains(t, got.stderr, "edge-container: violates mandatory policy no-public-port of pack house-rules")
		require.Contains(t, got.stderr, "it is published on 0.0.0.0", "the pack's words")
		require.Contains(t, got.stderr, "warning: ", "advice of the other policy")
		require.Contains(t, got.stderr, "-edge is no name of the house")
	}
	for kind, names := range things(t, l.name) {
		require.Empty(t, names, kind)
	}
}

// buildPolicyPack returns a pack in Go, and the folder with what runs it.
func buildPolicyPack(t *testing.T, root string) (pack, path string) {
	t.Helper()
	pack, path = t.TempDir(), t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(path, "pulumi-analyzer-policy-gopack"), "./tests/e2e/policypack")
	build.Dir = root
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.NoError(t, os.WriteFile(filepath.Join(pack, "PulumiPolicy.yaml"), []byte("name: house-rules\nruntime: gopack\nversion: 1.0.0\ndescription: rules of the house\n"), 0o600))
	return pack, path
}
