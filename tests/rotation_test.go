package tests

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// otherRoot is the root secret that replaces the first.
var otherRoot = base64.StdEncoding.EncodeToString([]byte("another root secret of 32 bytes!"))

// recordReplaced records a stack whose root secret was replaced.
func recordReplaced(t *testing.T, stack string) *pulumimock.Recording {
	t.Helper()
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi."+stack+".yaml"))
	require.NoError(t, err)
	values["mlflow-sso:credentials"] = `{"root":2,"generations":{"mlflow/gateway-key":3}}`
	r, err := runWith(t, values, pulumimock.Compute(rootType, func(name string, _ resource.PropertyMap) resource.PropertyMap {
		root := fakeRoot
		if name == credentials.RootName("credentials", 2) {
			root = otherRoot
		}
		return resource.PropertyMap{"base64": resource.NewProperty(root)}
	}))
	require.NoError(t, err)
	return r
}

func TestAnotherRootSecretTurnsEveryCredentialAndTheEarlierOneStays(t *testing.T) {
	for _, stack := range stacks {
		r := recordReplaced(t, stack)
		first, second := r.Get(t, rootType, "credentials-root"), r.Get(t, rootType, "credentials-root-2")
		require.Equal(t, first.Protect, second.Protect)
		require.Equal(t, settings(t, stack).ProtectData, second.Protect)

		old := known(t)
		rotated := map[string]bool{}
		for _, label := range credentials.Labels() {
			for generation := 1; generation <= 3; generation++ {
				key, err := credentials.Derive(otherRoot, label, generation)
				require.NoError(t, err)
				rotated[base64.RawURLEncoding.EncodeToString(key)] = true
			}
		}
		found := 0
		for _, made := range r.Resources {
			for _, leaf := range made.Leaves() {
				// The plugin replaces the old value in what is stored.
				replaced := made.Type == mlflow.EncryptionKeyType && strings.HasPrefix(leaf.Path, mlflow.KeyPrevious+".")
				for value, label := range old {
					if replaced && label == credentials.MLflowGateway {
						require.True(t, leaf.Secret, leaf.Path)
						continue
					}
					require.False(t, strings.Contains(leaf.Text(), value), "%s %s holds the old %s", made.Name, leaf.Path, label)
				}
				for value := range rotated {
					if strings.Contains(leaf.Text(), value) {
						found++
					}
				}
			}
		}
		require.Greater(t, found, 10, "found hardly any credential: this test tests nothing")
	}
}

// MLflow writes that number beside what it encrypts, and is to find the key by it again.
func TestMLflowGetsTheNumberOfItsKeyOnceThatIsNotTheFirst(t *testing.T) {
	require.Equal(t, "1003", variable(t, recordReplaced(t, "dev"), "mlflow", "MLFLOW_CRYPTO_KEK_VERSION").Value)
	r, err := run(t, "dev")
	require.NoError(t, err)
	require.NotContains(t, environment(t, service(t, r, "mlflow")), "MLFLOW_CRYPTO_KEK_VERSION", "a stack that has rotated nothing stays as it is")
}

func TestOutputsSayWhichEditionAPasswordIs(t *testing.T) {
	r := recordReplaced(t, "dev")
	require.Equal(t, "2.1", r.Output(t, "keycloak.admin.edition").Value)
	require.Equal(t, "2.1", r.Output(t, "demoUsers[0].edition").Value)
	require.Equal(t, "mlflow/gateway-key", r.Output(t, "credentialVersions.generations[0].label").Value)
	r, err := run(t, "dev")
	require.NoError(t, err)
	require.Equal(t, credentials.FirstVersion, r.Output(t, "keycloak.admin.edition").Value)
}
