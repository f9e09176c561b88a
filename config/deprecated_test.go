package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// renamedValues has a value for each renamed setting that differs from its default.
var renamedValues = map[string]string{
	"keeper":                 `{"interval":"45s"}`,
	"people":                 `[{"username":"ada","email":"ada@example.com","groups":["mlflow-users"]}]`,
	"keeper.follow":          `"45s"`,
	"keeper.prune":           `"2h"`,
	"backup.every":           `"12h"`,
	"backup.provedWithin":    `"48h"`,
	"keycloak.standingAdmin": `false`,
	"realm.exclusive":        `["mlflow-users"]`,
}

// settingsWith returns the minimal settings of a stack with a backup, and one value at a path.
func settingsWith(t *testing.T, values map[string]string) map[string]string {
	t.Helper()
	passphrase := filepath.Join(t.TempDir(), "passphrase")
	require.NoError(t, os.WriteFile(passphrase, []byte("correct-horse-battery-staple-0123"), 0o600))
	all := localhost()
	all["mlflow-sso:backup"] = `{"directory":"/srv/backup","recoveryPassphraseFile":"` + passphrase + `"}`
	for path, value := range values {
		group, member := split(path)
		if group == "" {
			all["mlflow-sso:"+member] = value
			continue
		}
		members := map[string]json.RawMessage{}
		if text := all["mlflow-sso:"+group]; text != "" {
			require.NoError(t, json.Unmarshal([]byte(text), &members))
		}
		members[member] = json.RawMessage(value)
		text, err := json.Marshal(members)
		require.NoError(t, err)
		all["mlflow-sso:"+group] = string(text)
	}
	return all
}

func TestEveryOldSettingWorksWarnsOnceAndEqualsTheNewOne(t *testing.T) {
	plain, err := parse(settingsWith(t, nil))
	require.NoError(t, err)
	require.Empty(t, plain.Warnings)
	require.Len(t, renamedValues, len(RenamedSettings()))
	for _, row := range RenamedSettings() {
		t.Run(row.Old, func(t *testing.T) {
			value := renamedValues[row.Old]
			require.NotEmpty(t, value)
			old, err := parse(settingsWith(t, map[string]string{row.Old: value}))
			require.NoError(t, err)
			current, err := parse(settingsWith(t, map[string]string{row.New: value}))
			require.NoError(t, err)

			require.Empty(t, current.Warnings)
			require.Contains(t, old.Warnings, row.warning())
			require.Contains(t, row.warning(), row.New)
			for _, warning := range old.Warnings {
				require.Contains(t, []string{row.warning(), Renamed{"keeper", "identitySync"}.warning()}, warning)
			}
			same(t, current, old)
			require.NotEqual(t, without(plain), without(old), "the value has to differ from the default")

			// Both names in one object: the old name is an error.
			parent, _ := split(row.Old)
			_, member := split(row.New)
			if parent != "" {
				member = parent + "." + member
			}
			_, err = parse(settingsWith(t, map[string]string{row.Old: value, member: value}))
			require.ErrorContains(t, err, "mlflow-sso:"+row.Old)
			require.ErrorContains(t, err, row.New)
		})
	}
}

// The project file declares the new names with an empty default, which Pulumi fills in.
func TestAnEmptyDefaultOfTheNewNameIsNotASecondValue(t *testing.T) {
	values := settingsWith(t, map[string]string{"keeper": `{"follow":"45s"}`, "people": renamedValues["people"]})
	maps.Copy(values, map[string]string{"mlflow-sso:identitySync": "{}", "mlflow-sso:users": "[]"})
	c, err := parse(values)
	require.NoError(t, err)
	require.Equal(t, "45s", c.IdentitySync.Interval.String())
	require.Len(t, c.Users, 1)
	require.Len(t, c.Warnings, 3)
}

func TestAMistakeUnderAnOldNameIsReported(t *testing.T) {
	_, err := parse(settingsWith(t, map[string]string{"keeper": `{"follow":"1s","folow":"2s"}`}))
	require.ErrorContains(t, err, "mlflow-sso:identitySync.folow: unknown setting")

	_, err = parse(settingsWith(t, map[string]string{"keeper": `{"follow":"1s"}`}))
	require.ErrorContains(t, err, "mlflow-sso:identitySync.interval: got 1s")

	_, err = parse(settingsWith(t, map[string]string{"people": `"ada"`}), "mlflow-sso:people")
	require.ErrorContains(t, err, "mlflow-sso:people: is encrypted")
}

// same compares two configurations except for their warnings and passphrase files.
func same(t *testing.T, want, got *Config) {
	t.Helper()
	require.Equal(t, without(want), without(got))
}

func without(c *Config) Config {
	plain := *c
	plain.Warnings = nil
	backup := *c.Backup
	backup.RecoveryPassphraseFile = ""
	plain.Backup = &backup
	return plain
}
