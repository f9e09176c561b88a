package tests

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

var (
	// secretName matches names of likely secrets.
	secretName = regexp.MustCompile(`(?i)password|passphrase|secret|token|key($|[^c])|credential`) // not Keycloak
	// loginURL is an address with a password in it.
	loginURL = regexp.MustCompile(`://[^/@\s]*:[^/@\s]+@`)
	// noSecrets match and are not secrets: how long, how strong, whether.
	noSecrets = []string{"passwordPolicy", "accessTokenLifespan"}
)

// known are all credentials of a recorded stack in all their forms, and the root.
func known(t *testing.T) map[string]credentials.Label {
	t.Helper()
	all := map[string]credentials.Label{fakeRoot: "root"}
	for _, label := range credentials.Labels() {
		all[password(t, label)] = label
		all[fernet(t, label)] = label
	}
	return all
}

// finding is a credential in a recording.
type finding struct {
	label credentials.Label
	// where is a resource's input or an output, with the variable's name.
	where string
	leaf  pulumimock.Leaf
}

// findings are all credentials in inputs and outputs.
func findings(t *testing.T, r *pulumimock.Recording) []finding {
	t.Helper()
	var all []finding
	look := func(whose string, leaf pulumimock.Leaf) {
		for value, label := range known(t) {
			if strings.Contains(leaf.Text(), value) {
				where := whose + " " + leaf.Path
				if name, _, ok := strings.Cut(leaf.Text(), "="); ok && strings.HasPrefix(leaf.Path, "envs[") {
					where = whose + " " + name
				}
				all = append(all, finding{label, where, leaf})
				return // the two forms have the same start
			}
		}
	}
	for _, made := range r.Resources {
		for _, leaf := range made.Leaves() {
			// The whole outputs are one secret, see TestTheProofIsGivenTheOutputsAsOneSecret.
			if made.Type != loginproof.TypeToken || leaf.Path != loginproof.Outputs {
				look(made.Name, leaf)
			}
		}
		for _, leaf := range made.Registered() {
			look("outputs of "+made.Name, leaf)
		}
	}
	for _, leaf := range r.Outputs() {
		look("output", leaf)
	}
	require.NotEmpty(t, all, "found no credential at all: this test tests nothing")
	return all
}

func TestNoCredentialIsEverUnmarked(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, found := range findings(t, r) {
			require.True(t, found.leaf.Secret, "%s holds %s and is not marked as a secret", found.where, found.label)
		}
	})
}

func TestWhatIsNamedLikeASecretIsMarkedAsOne(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		marked := 0
		for _, made := range r.Resources {
			for _, leaf := range made.Leaves() {
				text, isText := leaf.Value.(string)
				if !isText {
					continue // a switch or a number
				}
				name := leaf.Path
				if variable, value, ok := strings.Cut(text, "="); ok && strings.HasPrefix(leaf.Path, "envs[") {
					name, text = variable, value
				}
				// The whole path counts: the parent names the secret in "initialPassword.value".
				if text == "true" || text == "false" || slices.Contains(noSecrets, name) {
					continue
				}
				if secretName.MatchString(name) || loginURL.MatchString(text) || strings.HasSuffix(name, "_DB_URI") {
					marked++
					require.True(t, leaf.Secret, "%s of %s is named like a secret, or has a password in it, and is not marked", name, made.Key())
				}
			}
		}
		require.Greater(t, marked, 15, "found hardly any secret: this test tests nothing")
		for _, leaf := range r.Outputs() {
			// Credential versions are numbers: the path names credentials, and contains none.
			if path := strings.TrimPrefix(leaf.Path, "credentialVersions."); secretName.MatchString(path) {
				require.True(t, leaf.Secret, "the output %s is named like a secret and is not marked", leaf.Path)
			}
		}
	})
}

func TestNoReviewedFileHoldsACredential(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(here, "testdata", "graph", "*"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for value, label := range known(t) {
			require.NotContains(t, string(content), value, "%s holds %s", filepath.Base(file), label)
		}
	}
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		shown, err := r.JSON()
		require.NoError(t, err)
		for value, label := range known(t) {
			require.NotContains(t, string(shown), value, "the graph holds %s", label)
		}
	})
}

// Anyone who may list containers can read these.
func TestNoCredentialIsInALabelANameOrACommand(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, found := range findings(t, r) {
			for _, open := range []string{"labels", "name", "hostname", "command", "entrypoints", "healthcheck", "build", "triggers", "mounts", "tmpfs", "image"} {
				require.False(t, found.leaf.Path == open || strings.HasPrefix(found.leaf.Path, open+".") || strings.HasPrefix(found.leaf.Path, open+"["),
					"%s holds %s", found.where, found.label)
			}
		}
	})
}

// A service does not get what it does not need.
func TestEachCredentialReachesOnlyTheContainersThatNeedIt(t *testing.T) {
	want := map[credentials.Label][]string{
		credentials.PostgresSuperuser:   {"postgres-container POSTGRES_SUPERUSER_PASSWORD"},
		credentials.PostgresMLflow:      {"mlflow-container MLFLOW_BACKEND_STORE_URI", "postgres-container POSTGRES_PASSWORD_MLFLOW"},
		credentials.PostgresMLflowAuth:  {"keeper-container OIDC_USERS_DB_URI", "mlflow-container OIDC_USERS_DB_URI", "postgres-container POSTGRES_PASSWORD_MLFLOW_AUTH"},
		credentials.PostgresKeycloak:    {"keycloak-container KC_DB_PASSWORD", "postgres-container POSTGRES_PASSWORD_KEYCLOAK"},
		credentials.Redis:               {"mlflow-container CACHE_REDIS_URL", "redis-container REDIS_PASSWORD"},
		credentials.KeycloakAdmin:       {"keycloak-container KC_BOOTSTRAP_ADMIN_PASSWORD", "output keycloak.admin.password", "realm-master adminPassword", "realm-password-admin password"},
		credentials.KeycloakProvider:    {"keycloak-container KC_BOOTSTRAP_ADMIN_CLIENT_SECRET", "output keycloak.provider.secret", "realm-keycloak clientSecret", "realm-own clientSecret", "realm-provider-secret secret"},
		credentials.MLflowClient:        {"mlflow-container OIDC_CLIENT_SECRET", "realm-client clientSecret"},
		credentials.MLflowSession:       {"mlflow-container SECRET_KEY"},
		credentials.MLflowSessionTokens: {"mlflow-container SESSION_TOKEN_ENCRYPTION_KEY"},
		credentials.IdentitySyncClient:  {"keeper-container KEEPER_CLIENT_SECRET", "realm-watcher clientSecret"},
		credentials.MLflowGateway:       {"mlflow-container MLFLOW_CRYPTO_KEK_PASSPHRASE", "mlflow-gateway-key value"},
	}
	demo := map[credentials.Label][]string{
		credentials.DemoAdmin:    {"output demoUsers[0].password", "realm-password-demo-admin password", "realm-user-demo-admin initialPassword.value"},
		credentials.DemoMember:   {"output demoUsers[1].password", "realm-password-demo-member password", "realm-user-demo-member initialPassword.value"},
		credentials.DemoOutsider: {"output demoUsers[2].password", "realm-password-demo-outsider password", "realm-user-demo-outsider initialPassword.value"},
	}
	// Only if something needs it: see tests/machines_test.go.
	accessAdmin := 1
	webhooks := 1 // see tests/outgoing_test.go
	require.Len(t, credentials.Labels(), len(want)+len(demo)+len(ofSnapshots)+accessAdmin+webhooks, "a new credential: say here who needs it")
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		want := maps.Clone(want)
		if settings(t, stack).Realm.DemoUsers {
			maps.Copy(want, demo)
		}
		if !settings(t, stack).Keycloak.PermanentAdmin {
			delete(want, credentials.KeycloakAdmin)
		}
		got := map[credentials.Label][]string{}
		for _, found := range findings(t, r) {
			got[found.label] = append(got[found.label], found.where)
		}
		for label := range got {
			slices.Sort(got[label])
		}
		require.Equal(t, want, got)
	})
}

func TestNoTwoCredentialsAreTheSame(t *testing.T) {
	// The root, and each label in two forms.
	require.Len(t, known(t), 1+2*len(credentials.Labels()))
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, made := range r.OfType(t, containerType) {
			holders := map[string]string{}
			for name, leaf := range environment(t, made) {
				if !leaf.Secret {
					continue
				}
				require.GreaterOrEqual(t, len(leaf.Text()), 43, "%s of %s is short", name, made.Name)
				require.NotContains(t, holders, leaf.Text(), "%s and %s of %s are the same", name, holders[leaf.Text()], made.Name)
				holders[leaf.Text()] = name
			}
		}
	})
}

func TestTheRootIsKeptByNothingButItsOwnResource(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		require.Len(t, r.OfType(t, rootType), 1)
		require.EqualValues(t, 32, input(t, r.OfType(t, rootType)[0], "length").Value, "in bytes")
		require.Contains(t, r.OfType(t, rootType)[0].SecretOutputs, "base64")
		for _, found := range findings(t, r) {
			require.NotEqual(t, credentials.Label("root"), found.label, "%s holds the root", found.where)
		}
	})
}
