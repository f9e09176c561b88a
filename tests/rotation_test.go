package tests

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// otherRoot is the root secret that replaces the first.
var otherRoot = base64.StdEncoding.EncodeToString([]byte("another root secret of 32 bytes!"))

// recordReplaced records a stack whose root secret was replaced.
func recordReplaced(t *testing.T, stack string) *pulumimock.Recording {
	t.Helper()
	return recordCredentials(t, stack, `{"root":2,"generations":{"mlflow/gateway-key":3}}`)
}

// recordCredentials records a stack with two root secrets.
func recordCredentials(t *testing.T, stack, setting string) *pulumimock.Recording {
	t.Helper()
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi."+stack+".yaml"))
	require.NoError(t, err)
	values["mlflow-sso:credentials"] = setting
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
				if strings.HasPrefix(made.Name+" "+leaf.Path, "realm-provider-secret previous[") {
					continue // TestTheSecretOfTheProgramIsGivenWithAllEarlierOnes
				}
				// The plugin replaces the old value in stored data.
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

// MLflow stores that number next to each encrypted value, to find the key again.
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

// The program logs in to Keycloak with the secret that is rotated, so it needs the previous ones.
func TestTheSecretOfTheProgramIsGivenWithAllEarlierOnes(t *testing.T) {
	of := func(root string, generation int) string {
		key, err := credentials.Derive(root, credentials.KeycloakProvider, generation)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(key)
	}
	r := recordCredentials(t, "dev", `{"root":2,"generations":{"keycloak/provider":2}}`)
	made := r.Get(t, identity.ClientSecretType, "realm-provider-secret")
	want := map[string]string{"secret": of(otherRoot, 2), "previous[0]": of(otherRoot, 1), "previous[1]": of(fakeRoot, 2), "previous[2]": of(fakeRoot, 1)}
	for path, value := range want {
		leaf := input(t, made, path)
		require.Equal(t, value, leaf.Text(), path)
		require.True(t, leaf.Secret, path)
	}
	require.False(t, made.Has("previous[3]"))
	require.Equal(t, "2.2", input(t, made, "edition").Text())

	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		require.False(t, r.Get(t, identity.ClientSecretType, "realm-provider-secret").Has("previous[0]"), "nothing was rotated")
	})
}

// A preview does not know a root secret that the update creates. It knows enough to show that no
// resource with data is replaced.
func TestAPreviewOfAnotherRootSecretKnowsWhatHoldsData(t *testing.T) {
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.prod.yaml"))
	require.NoError(t, err)
	values["mlflow-sso:credentials"] = `{"root":2}`
	r, err := runWith(t, values, pulumimock.DryRunOfExisting(), pulumimock.Compute(rootType, func(name string, _ resource.PropertyMap) resource.PropertyMap {
		if name == credentials.RootName("credentials", 2) {
			return nil
		}
		return resource.PropertyMap{"base64": resource.NewProperty(fakeRoot)}
	}))
	require.NoError(t, err)
	unknown := 0
	for _, made := range r.Resources {
		holdsData := made.Type == volumeType || made.Type == rootType || made.Type == realmType || made.Type == networkType || made.Type == imageType
		for _, leaf := range made.Leaves() {
			if leaf.Unknown {
				unknown++
				require.False(t, holdsData, "%s %s is not known", made.Key(), leaf.Path)
			}
		}
	}
	require.Positive(t, unknown, "found no unknown value: this test tests nothing")
}
