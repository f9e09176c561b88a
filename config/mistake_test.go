package config

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wrong has mistakes of every kind: types, unknown settings, limits, addresses, users, groups,
// access and backup. Each line with one says which.
const wrong = `# A stack file.
config:
  mlflow-sso:name: Lab # name
  mlflow-sso:protectData: maybe # protectData
  mlflow-sso:colour: blue # colour
  mlflow-sso:restartPolicy: sometimes # restartPolicy
  mlflow-sso:mlflow:
    publicURL: http://localhost:5001 # mlflow.publicURL
    workers: 500 # mlflow.workers
    contact: ask Ada # mlflow.contact
  mlflow-sso:keycloak:
    publicURL: http://localhost:8080
    port: "8080" # keycloak.port
    adminPassword: typed-by-mistake # keycloak.adminPassword
  mlflow-sso:realm:
    sslRequired: none
    passwordPolicy: lengths(12) # realm.passwordPolicy
    groups:
      - team
  mlflow-sso:users:
    - username: ada
      email: ada@example.com
      groups: [mlflow-users, teem] # users[0].groups
    - {username: B, email: bob@example.com, groups: [mlflow-users]} # users[1].username
  mlflow-sso:serviceAccounts:
    - name: ci
      tokenMinutes: 10000 # serviceAccounts[ci].tokenMinutes
  mlflow-sso:access:
    - group: team
      experiments: {a: WRITE} # access[0].experiments[a]
  mlflow-sso:backup:
    directory: relative # backup.directory
    keep: {last: 0} # backup.keep.last
    every: 1s # backup.interval
`

func TestEveryMistakeIsReportedInOneRoundWithFileAndLine(t *testing.T) {
	projectFile, stackFile := files(t, projectText, wrong)
	t.Chdir(filepath.Dir(stackFile))

	_, err := LoadFile(projectFile, stackFile)

	var mistakes *SettingsError
	require.ErrorAs(t, err, &mistakes)
	reported := map[string]string{}
	all := strings.Split(err.Error(), "\n")
	for _, line := range all[1:] {
		place, rest, _ := strings.Cut(strings.TrimSpace(line), ": mlflow-sso:")
		key, _, _ := strings.Cut(rest, ": ")
		reported[key] = place
	}
	for n, line := range strings.Split(wrong, "\n") {
		if _, key, marked := strings.Cut(line, " # "); marked {
			require.Equal(t, "Pulumi.test.yaml:"+strconv.Itoa(n+1), reported[key], key)
			delete(reported, key)
		}
	}
	require.Equal(t, map[string]string{"backup.recoveryPassphraseFile": "Pulumi.test.yaml:" + strconv.Itoa(lineOf("mlflow-sso:backup"))}, reported, "what is missing has the line of what it is a part of; nothing follows from another mistake")
	require.Regexp(t, `^configuration: \d+ mistakes$`, all[0])
	require.NotContains(t, err.Error(), "typed-by-mistake")
}

func lineOf(text string) int {
	before, _, _ := strings.Cut(wrong, text)
	return strings.Count(before, "\n") + 1
}

// One mistake is one line.
func TestOneMistakeIsOneLine(t *testing.T) {
	projectFile, stackFile := files(t, projectText, stackText+"  mlflow-sso:colour: blue\n")
	t.Chdir(filepath.Dir(stackFile))
	_, err := LoadFile(projectFile, stackFile)
	require.ErrorContains(t, err, "configuration: Pulumi.test.yaml:6: mlflow-sso:colour: unknown setting")
	require.NotContains(t, err.Error(), "\n")
}

// A rule that sees only the default of a setting knows nothing about the setting.
func TestWhatOnlyFollowsFromAnUnreadableSettingIsNotReported(t *testing.T) {
	for name, test := range map[string]struct {
		values    map[string]string
		want, not []string
	}{
		"the port of an address": {
			map[string]string{"mlflow": `{"publicURL":"http://localhost:6000","port":"6000"}`},
			[]string{"mlflow.port"},
			[]string{"mlflow.publicURL:"},
		},
		"an address": {
			map[string]string{"mlflow": `{"publicURL":5000,"workers":0}`},
			[]string{"mlflow.publicURL: got 5000", "mlflow.workers"},
			[]string{"got nothing"},
		},
		"groups that are no list": {
			map[string]string{
				"realm":  `{"sslRequired":"none","groups":"team"}`,
				"users":  `[{"username":"ada","email":"ada@example.com","groups":["mlflow-users","team"]}]`,
				"access": `[{"group":"team","experiments":{"a":"READ"}}]`,
			},
			[]string{"realm.groups: got"},
			[]string{"users[0]", "access[0]"},
		},
		"all of something": {
			map[string]string{"keycloak": `5`, "redis": `{"memoryMB":1}`},
			[]string{"keycloak: got 5", "redis.memoryMB"},
			[]string{"keycloak.publicURL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			values := localhost()
			for key, value := range test.values {
				values["mlflow-sso:"+key] = value
			}
			_, err := parse(values)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			for _, not := range test.not {
				require.NotContains(t, err.Error(), not)
			}
		})
	}
}

// Rules run also on settings of which some could not be read.
func TestRulesEndureWhateverCouldNotBeRead(t *testing.T) {
	for _, setting := range []string{
		"name", "protectData", "mlflow", "keycloak", "edge", "postgres", "redis", "identitySync", "realm", "users", "serviceAccounts", "access",
		"backup", "images", "credentials", "artifacts", "identityProviders",
	} {
		for _, value := range []string{`5`, `[5]`, `"x"`, `{"external":5,"s3":5,"mail":5,"gateway":5,"webhooks":5,"groups":5}`, `[{"oidc":5,"saml":5,"ldap":5}]`, `{`} {
			values := localhost()
			values["mlflow-sso:"+setting] = value
			require.NotPanics(t, func() { _, _ = parse(values) }, "%s: %s", setting, value)
		}
	}
}
