package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// The secrets of external services, by purpose. They contain characters that an address, a shell
// and a template interpret.
var foreign = map[string]string{
	"mlflow": "m1@:/?#[]&=+%41 $x", "mlflow_auth": "a2@:/?#[]&=+%41 $x", "keycloak": "k3@:/?#[]&=+%41 $x",
	"redis": "r4@:/?#[]&=+%41 $x", "s3": "s5@:/?#[]&=+%41 $x",
}

// external are the settings of dev with external services: those named among postgres, redis and
// s3.
func external(t *testing.T, externals ...string) map[string]string {
	t.Helper()
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	folder := t.TempDir()
	file := map[string]string{}
	for name, secret := range foreign {
		file[name] = filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(file[name], []byte(secret), 0o600))
	}
	for _, service := range externals {
		switch service {
		case "postgres":
			values["mlflow-sso:postgres"] = fmt.Sprintf(
				`{"external":{"host":"db.example.com","port":6432,"prefix":"a_","passwordFiles":{"mlflow":%q,"mlflow_auth":%q,"keycloak":%q}}}`,
				file["mlflow"], file["mlflow_auth"], file["keycloak"])
		case "redis":
			values["mlflow-sso:redis"] = fmt.Sprintf(`{"external":{"host":"cache.example.com","passwordFile":%q}}`, file["redis"])
		case "s3":
			values["mlflow-sso:artifacts"] = fmt.Sprintf(
				`{"s3":{"bucket":"artifacts","prefix":"a","endpoint":"https://s3.example.com","accessKeyID":"AKIA123","secretKeyFile":%q}}`, file["s3"])
		}
	}
	return values
}

var allExternal = []string{"postgres", "redis", "s3"}

func recordExternal(t *testing.T, externals ...string) *pulumimock.Recording {
	t.Helper()
	r, err := runWith(t, external(t, externals...))
	require.NoError(t, err)
	return r
}

// namesOf are the names of all resources of a type; there may be none.
func namesOf(r *pulumimock.Recording, token string) []string {
	var names []string
	for _, made := range r.Resources {
		if made.Type == token {
			names = append(names, made.Name)
		}
	}
	slices.Sort(names)
	return names
}

func TestNothingIsCreatedForExternalServices(t *testing.T) {
	for _, test := range []struct {
		externals                             []string
		containers, volumes, images, networks []string
	}{
		{
			nil,
			[]string{"keeper", "keycloak", "mlflow", "postgres", "redis"},
			[]string{"mlflow-artifacts", "postgres-data"},
			[]string{"keycloak", "mlflow", "postgres", "redis"},
			[]string{"network-data", "network-edge"},
		},
		{
			[]string{"postgres"},
			[]string{"keeper", "keycloak", "mlflow", "redis"},
			[]string{"mlflow-artifacts"},
			[]string{"keycloak", "mlflow", "redis"},
			[]string{"network-data", "network-edge"},
		},
		{
			[]string{"redis"},
			[]string{"keeper", "keycloak", "mlflow", "postgres"},
			[]string{"mlflow-artifacts", "postgres-data"},
			[]string{"keycloak", "mlflow", "postgres"},
			[]string{"network-data", "network-edge"},
		},
		{
			[]string{"s3"},
			[]string{"keeper", "keycloak", "mlflow", "postgres", "redis"},
			[]string{"postgres-data"},
			[]string{"keycloak", "mlflow", "postgres", "redis"},
			[]string{"network-data", "network-edge"},
		},
		{allExternal, []string{"keeper", "keycloak", "mlflow"}, nil, []string{"keycloak", "mlflow"}, []string{"network-edge"}},
	} {
		t.Run(strings.Join(test.externals, " "), func(t *testing.T) {
			r := recordExternal(t, test.externals...)
			with := func(names []string, end string) (all []string) {
				for _, name := range names {
					all = append(all, name+end)
				}
				return all
			}
			require.Equal(t, with(test.containers, "-container"), namesOf(r, containerType))
			require.Equal(t, with(test.images, "-image"), namesOf(r, imageType))
			require.Equal(t, test.volumes, namesOf(r, volumeType))
			require.Equal(t, test.networks, namesOf(r, networkType))
			preview, err := runWith(t, external(t, test.externals...), pulumimock.DryRun())
			require.NoError(t, err)
			require.Equal(t, keys(r), keys(preview))
		})
	}
}

// A service that needs neither database nor cache of the stack is not on that network.
func TestOnlyServicesThatNeedTheDataNetworkAreOnIt(t *testing.T) {
	name := settings(t, "dev").Name
	for externals, onData := range map[string][]string{
		"postgres": {"mlflow", "redis"}, "redis": {"keeper", "keycloak", "mlflow", "postgres"}, "s3": {"keeper", "keycloak", "mlflow", "postgres", "redis"},
		"postgres redis": nil,
	} {
		r := recordExternal(t, strings.Fields(externals)...)
		var got []string
		for _, made := range r.OfType(t, containerType) {
			networks := networksOf(t, made)
			if slices.Contains(networks, name+"-data") {
				got = append(got, strings.TrimSuffix(made.Name, "-container"))
			}
			if component := strings.TrimSuffix(made.Name, "-container"); component == "mlflow" || component == "keycloak" {
				require.Contains(t, networks, name+"-edge", "the data network has no way out")
			}
		}
		slices.Sort(got)
		require.Equal(t, onData, got, "with external %s", externals)
	}
}

func TestWhatIsOfTheStackIsStillWaitedFor(t *testing.T) {
	for externals, wanted := range map[string][]string{"postgres": {"redis"}, "redis": {"postgres"}, "s3": {"postgres", "redis"}, "postgres redis s3": nil} {
		r := recordExternal(t, strings.Fields(externals)...)
		for _, service := range []string{"postgres", "redis"} {
			needed := slices.Contains(needs(r, containerType+"::mlflow-container"), containerType+"::"+service+"-container")
			require.Equal(t, slices.Contains(wanted, service), needed, "MLflow and %s, with external %s", service, externals)
		}
	}
	require.Contains(t, needs(recordExternal(t, "redis"), containerType+"::keycloak-container"), containerType+"::postgres-container")
}

// Both clients have the same two parameters. Without them they accept every certificate.
func TestClientsOfAnExternalDatabaseVerifyTheServer(t *testing.T) {
	r := recordExternal(t, allExternal...)
	verified := url.Values{"sslmode": {"verify-full"}, "sslrootcert": {"/etc/ssl/certs/ca-certificates.crt"}}
	for variable, database := range map[string]string{"MLFLOW_BACKEND_STORE_URI": "mlflow", "OIDC_USERS_DB_URI": "mlflow_auth"} {
		uri := parsed(t, r, "mlflow", variable)
		require.Equal(t, "db.example.com:6432", uri.Host)
		require.Equal(t, "/a_"+database, uri.Path)
		require.Equal(t, "a_"+database, uri.User.Username())
		used, _ := uri.User.Password()
		require.True(t, foreign[database] == used, "%s has another password than the file", variable)
		require.Equal(t, verified, uri.Query())
	}
	properties := variable(t, r, "keycloak", "KC_DB_URL_PROPERTIES").Text()
	query, err := url.ParseQuery(strings.TrimPrefix(properties, "?"))
	require.NoError(t, err)
	require.Equal(t, verified, query)
	require.Equal(t, "db.example.com", variable(t, r, "keycloak", "KC_DB_URL_HOST").Text())
	require.Equal(t, "6432", variable(t, r, "keycloak", "KC_DB_URL_PORT").Text())
	require.Equal(t, "a_keycloak", variable(t, r, "keycloak", "KC_DB_URL_DATABASE").Text())
	require.Equal(t, "a_keycloak", variable(t, r, "keycloak", "KC_DB_USERNAME").Text())
	require.True(t, foreign["keycloak"] == variable(t, r, "keycloak", "KC_DB_PASSWORD").Text())
}

func TestTheClientOfAnExternalCacheVerifiesTheServerAndPrefixesItsKeys(t *testing.T) {
	r := recordExternal(t, allExternal...)
	cache := parsed(t, r, "mlflow", "CACHE_REDIS_URL")
	require.Equal(t, "rediss", cache.Scheme)
	require.Equal(t, "cache.example.com:6379", cache.Host)
	require.Equal(t, "required", cache.Query().Get("ssl_cert_reqs"))
	require.Equal(t, "true", cache.Query().Get("ssl_check_hostname"), "redis-py compares no name unless it is configured to")
	require.Equal(t, "/etc/ssl/certs/ca-certificates.crt", cache.Query().Get("ssl_ca_certs"))
	used, _ := cache.User.Password()
	require.True(t, foreign["redis"] == used)
	require.Equal(t, settings(t, "dev").Name+":", variable(t, r, "mlflow", "CACHE_KEY_PREFIX").Text(), "another stack's decisions would apply to this one")
}

func TestTheClientOfAnExternalStoreVerifiesTheServer(t *testing.T) {
	r := recordExternal(t, allExternal...)
	require.Equal(t, "s3://artifacts/a", variable(t, r, "mlflow", "MLFLOW_ARTIFACTS_DESTINATION").Text())
	require.Equal(t, "https://s3.example.com", variable(t, r, "mlflow", "MLFLOW_S3_ENDPOINT_URL").Text())
	require.Equal(t, "/etc/ssl/certs/ca-certificates.crt", variable(t, r, "mlflow", "AWS_CA_BUNDLE").Text(), "boto3 brings a list of its own")
	require.NotContains(t, environment(t, service(t, r, "mlflow")), "MLFLOW_S3_IGNORE_TLS")
	require.Equal(t, "/mlflow/artifacts/passing", variable(t, r, "mlflow", "TMPDIR").Text(), "/tmp is memory, and what passes may be larger")
	require.False(t, service(t, r, "mlflow").Has("mounts[0]"))
	require.Equal(t, "s3://artifacts/a", r.Output(t, "artifacts.uri").Value)
}

// Each external secret reaches only the containers that need it, is marked as secret, and is
// nowhere else: not in an output, a label or the recorded graph.
func TestEachExternalSecretReachesOnlyTheContainersThatNeedIt(t *testing.T) {
	r := recordExternal(t, allExternal...)
	want := map[string][]string{
		"mlflow": {"mlflow-container MLFLOW_BACKEND_STORE_URI"}, "mlflow_auth": {"keeper-container OIDC_USERS_DB_URI", "mlflow-container OIDC_USERS_DB_URI"},
		"keycloak": {"keycloak-container KC_DB_PASSWORD"}, "redis": {"mlflow-container CACHE_REDIS_URL"},
		"s3": {"mlflow-container AWS_SECRET_ACCESS_KEY"},
	}
	got := map[string][]string{}
	look := func(whose string, leaf pulumimock.Leaf) {
		for name, secret := range foreign {
			escaped := strings.TrimPrefix(url.UserPassword("", secret).String(), ":")
			if !strings.Contains(leaf.Text(), secret) && !strings.Contains(leaf.Text(), escaped) {
				continue
			}
			where := whose + " " + leaf.Path
			if variable, _, ok := strings.Cut(leaf.Text(), "="); ok && strings.HasPrefix(leaf.Path, "envs[") {
				where = whose + " " + variable
			}
			got[name] = append(got[name], where)
			require.True(t, leaf.Secret, "%s holds the secret of %s and is not marked", where, name)
		}
	}
	for _, made := range r.Resources {
		for _, leaf := range append(made.Leaves(), made.Registered()...) {
			look(made.Name, leaf)
		}
	}
	for _, leaf := range r.Outputs() {
		look("output", leaf)
	}
	for name := range got {
		slices.Sort(got[name])
	}
	require.Equal(t, want, got)

	shown, err := r.JSON()
	require.NoError(t, err)
	for name, secret := range foreign {
		encoded, err := json.Marshal(secret)
		require.NoError(t, err)
		require.NotContains(t, string(shown), strings.Trim(string(encoded), `"`), "the graph holds the secret of %s", name)
	}
}

// Unused credentials are not derived: they would open nothing.
func TestCredentialsOfReplacedServicesAreNowhere(t *testing.T) {
	replaced := []credentials.Label{
		credentials.PostgresSuperuser, credentials.PostgresMLflow, credentials.PostgresMLflowAuth, credentials.PostgresKeycloak, credentials.Redis,
		credentials.PostgresBackup, credentials.BackupRepository, // no snapshots are taken
	}
	found := map[credentials.Label]bool{}
	for _, f := range findings(t, recordExternal(t, allExternal...)) {
		found[f.label] = true
	}
	for _, label := range credentials.Labels() {
		if !strings.HasPrefix(string(label), "demo/") && label != credentials.AccessAdminClient && label != credentials.MLflowWebhooks {
			require.Equal(t, !slices.Contains(replaced, label), found[label], "of %s", label)
		}
	}
}

func TestASecretThatCannotBeReadRegistersNothing(t *testing.T) {
	for key, file := range map[string]string{
		"mlflow-sso:postgres": "mlflow_auth", "mlflow-sso:redis": "redis", "mlflow-sso:artifacts": "s3",
	} {
		for _, options := range [][]pulumimock.Option{nil, {pulumimock.DryRun()}} {
			values := maps.Clone(external(t, allExternal...))
			for _, part := range strings.Split(values[key], `"`) {
				if filepath.IsAbs(part) && filepath.Base(part) == file {
					require.NoError(t, os.Remove(part))
				}
			}
			r, err := runWith(t, values, options...)
			require.ErrorContains(t, err, key+".")
			require.ErrorContains(t, err, "which does not exist")
			require.Empty(t, r.Resources)
		}
	}
}
