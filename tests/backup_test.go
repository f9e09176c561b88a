package tests

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// ofSnapshots lists who gets the credentials that a stack has only with snapshots.
var ofSnapshots = map[credentials.Label][]string{
	credentials.PostgresBackup: {
		"backup-container BACKUP_PASSWORD_KEYCLOAK", "backup-container BACKUP_PASSWORD_MLFLOW", "backup-container BACKUP_PASSWORD_MLFLOW_AUTH",
		"postgres-container POSTGRES_BACKUP_PASSWORD",
	},
	credentials.BackupRepository: {"backup-container RESTIC_PASSWORD", "backup-repository-key value"},
}

const recoveryPassphrase = "a recovery passphrase of the tests"

// keeping are the settings of dev with snapshots, in a folder or in a bucket, and with
// external services.
func keeping(t *testing.T, bucket bool, externals ...string) map[string]string {
	t.Helper()
	values, folder := external(t, externals...), t.TempDir()
	for name, secret := range map[string]string{"recovery": recoveryPassphrase, "key": foreign["s3"]} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(secret), 0o600))
	}
	place := `"directory":"/srv/snapshots"`
	if bucket {
		place = fmt.Sprintf(`"s3":{"bucket":"snapshots","prefix":"a/b","endpoint":"https://s3.example.com","accessKeyID":"AKIA123","secretKeyFile":%q}`, filepath.Join(folder, "key"))
	}
	values["mlflow-sso:backup"] = fmt.Sprintf(`{%s,"recoveryPassphraseFile":%q}`, place, filepath.Join(folder, "recovery"))
	return values
}

func recordKeeping(t *testing.T, bucket bool, externals ...string) *pulumimock.Recording {
	t.Helper()
	r, err := runWith(t, keeping(t, bucket, externals...))
	require.NoError(t, err)
	return r
}

func TestWithoutTheSettingThereAreNoSnapshots(t *testing.T) {
	r := recordExternal(t)
	require.NotContains(t, namesOf(r, containerType), "backup-container")
	require.NotContains(t, namesOf(r, imageType), "backup-image")
	for _, found := range findings(t, r) {
		require.NotContains(t, ofSnapshots, found.label)
	}
}

func TestSnapshotCredentialsReachOnlyTheContainersThatNeedThem(t *testing.T) {
	got := map[credentials.Label][]string{}
	for _, found := range findings(t, recordKeeping(t, false)) {
		require.True(t, found.leaf.Secret, found.where)
		if _, ok := ofSnapshots[found.label]; ok {
			got[found.label] = append(got[found.label], found.where)
		}
		if strings.HasPrefix(found.where, "backup-container") {
			require.Contains(t, ofSnapshots, found.label, "what takes snapshots is given %s", found.label)
		}
	}
	for label := range got {
		slices.Sort(got[label])
	}
	require.Equal(t, ofSnapshots, got)
}

// The passphrase decrypts the root secret of every snapshot: the plugin reads its file, and no
// resource contains it.
func TestTheRecoveryPassphraseIsInNoResource(t *testing.T) {
	r := recordKeeping(t, true)
	shown, err := r.JSON()
	require.NoError(t, err)
	require.NotContains(t, string(shown), recoveryPassphrase)
	key := r.Get(t, backup.RepositoryKeyType, "backup-repository-key")
	require.Regexp(t, `/recovery$`, input(t, key, backup.KeyPassphraseFile).Text())
	for _, name := range []string{backup.KeyPassphraseDigest, backup.KeyRootSecret, backup.KeyValue} {
		require.True(t, input(t, key, name).Secret, name)
	}
}

// Without the state, passphrases cannot be tried against the digest.
func TestAnotherPassphraseOrRootSecretHasAnotherDigest(t *testing.T) {
	digest := func(passphrase, root string) string {
		values := keeping(t, false)
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "recovery"), []byte(passphrase), 0o600))
		values["mlflow-sso:backup"] = fmt.Sprintf(`{"directory":"/srv/snapshots","recoveryPassphraseFile":%q}`, filepath.Join(folder, "recovery"))
		r, err := runWith(t, values, pulumimock.Compute(rootType, func(string, resource.PropertyMap) resource.PropertyMap {
			return resource.PropertyMap{"base64": resource.NewProperty(root)}
		}))
		require.NoError(t, err)
		return input(t, r.Get(t, backup.RepositoryKeyType, "backup-repository-key"), backup.KeyPassphraseDigest).Text()
	}
	first := digest(recoveryPassphrase, fakeRoot)
	require.Equal(t, first, digest(recoveryPassphrase, fakeRoot))
	require.NotEqual(t, first, digest(recoveryPassphrase+"!", fakeRoot))
	require.NotEqual(t, first, digest(recoveryPassphrase, otherRoot))
}

func TestTheBackupContainerCannotChangeWhatItReads(t *testing.T) {
	made := service(t, recordKeeping(t, false), "backup")
	targets := map[string]bool{}
	for i := 0; made.Has(fmt.Sprintf("mounts[%d]", i)); i++ {
		target := input(t, made, fmt.Sprintf("mounts[%d].target", i)).Text()
		require.Equal(t, "volume", input(t, made, fmt.Sprintf("mounts[%d].type", i)).Value)
		targets[target] = made.Has(fmt.Sprintf("mounts[%d].readOnly", i))
	}
	require.Equal(t, map[string]bool{"/mlflow/artifacts": true, "/repository": false, "/var/lib/backup": false}, targets)
	users := map[string]string{}
	for name, leaf := range environment(t, made) {
		if strings.HasPrefix(name, "BACKUP_USER_") {
			users[name] = leaf.Text()
		}
	}
	require.Len(t, users, 3)
	for name, user := range users {
		require.Contains(t, user, "backup", name)
	}
}

func TestOnlySnapshotsThatLeaveTheHostHaveAWayOut(t *testing.T) {
	for name, test := range map[string]struct {
		bucket    bool
		externals []string
		networks  int
	}{
		"a folder":                        {false, nil, 1},
		"a bucket":                        {true, nil, 2},
		"a folder and external databases": {false, []string{"postgres"}, 1},
		"a bucket and external databases": {true, []string{"postgres"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			made := service(t, recordKeeping(t, test.bucket, test.externals...), "backup")
			networks := 0
			for made.Has(fmt.Sprintf("networksAdvanced[%d]", networks)) {
				networks++
			}
			require.Equal(t, test.networks, networks)
			first := input(t, made, "networksAdvanced[0].name").Text()
			require.Equal(t, test.externals == nil, strings.HasSuffix(first, "-data"), first)
		})
	}
}

func TestAMistakeInTheSettingsOfSnapshotsIsNamed(t *testing.T) {
	right := keeping(t, false)
	for want, change := range map[string][2]string{
		"backup.directory: got \"srv\"":       {`"directory":"/srv/snapshots"`, `"directory":"srv"`},
		"backup.directory: got \"/srv/../x\"": {`"directory":"/srv/snapshots"`, `"directory":"/srv/../x"`},
		"backup.interval: got 1m0s":           {`{"directory"`, `{"interval":"1m","directory"`},
		"backup.keep.last: got 0":             {`{"directory"`, `{"keep":{"last":0},"directory"`},
		"backup.verifyWithin: got 1s":         {`{"directory"`, `{"verifyWithin":"1s","directory"`},
	} {
		values := maps.Clone(right)
		values["mlflow-sso:backup"] = strings.Replace(values["mlflow-sso:backup"], change[0], change[1], 1)
		_, err := runWith(t, values)
		require.ErrorContains(t, err, want)
	}
	right["mlflow-sso:backup"] = `{"directory":"/srv/snapshots"}`
	_, err := runWith(t, right)
	require.ErrorContains(t, err, "backup.recoveryPassphraseFile: got nothing")
}

// A snapshot shares a lock of MLflow's database that `clean` takes exclusively: two names would be two
// locks.
func TestASnapshotAndCleanTakeTheSameLock(t *testing.T) {
	python, err := os.ReadFile(inRepository("images/mlflow/python/mlflow_sso/trash/database.py"))
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^TOGETHER = "(.+)"$`).FindSubmatch(python)
	require.Len(t, found, 2)
	require.Contains(t, string(python), "pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
	script, err := os.ReadFile(inRepository("images/backup/snapshot"))
	require.NoError(t, err)
	require.Contains(t, string(script), "pg_try_advisory_xact_lock_shared(hashtextextended('"+string(found[1])+"', 0))")
	require.Less(t, strings.Index(string(script), "\nhold_files\n"), strings.Index(string(script), "pg_database_size"), "before anything is read")
}
