package mlflow

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAVersionThatIsTooOldIsRefusedByName(t *testing.T) {
	for name, test := range map[string]struct{ lock, want string }{
		"unsigned tokens": {"mlflow==3.17.2 \\\n    --hash=sha256:0\nmlflow-oidc-auth[cache]==7.12.1\n", `mlflow-oidc-auth is "7.12.1", want 7.12.2 or later: older ones accept unsigned tokens`},
		"ten after nine":  {"mlflow==3.9.0\nmlflow-oidc-auth==11.0.2\n", `mlflow is "3.9.0", want 3.10.0 or later`},
		"not in it":       {"mlflow==3.17.2\n", `mlflow-oidc-auth is "", want`},
		"another's name":  {"mlflow-skinny==3.17.2\nmlflow-oidc-auth==11.0.2\n", `mlflow is "", want`},
		"no number":       {"mlflow==latest\nmlflow-oidc-auth==11.0.2\n", `mlflow is "latest"`},
	} {
		file := filepath.Join(t.TempDir(), "requirements.txt")
		require.NoError(t, os.WriteFile(file, []byte(test.lock), 0o600))
		require.ErrorContains(t, CheckRequirements(file), test.want, name)
	}
	require.Error(t, CheckRequirements(filepath.Join(t.TempDir(), "missing")))
}

func TestTheImagesOwnVersionsAreNewEnough(t *testing.T) {
	require.NoError(t, CheckRequirements("../../images/mlflow/requirements.txt"))
	file := filepath.Join(t.TempDir(), "requirements.txt")
	require.NoError(t, os.WriteFile(file, []byte("mlflow==3.10rc1\nmlflow-oidc-auth==7.12.2.post1\n"), 0o600))
	require.NoError(t, CheckRequirements(file))
}
