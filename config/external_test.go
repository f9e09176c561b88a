package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// externalServices returns settings with everything external that can be, and their secrets.
func externalServices(t *testing.T) (values map[string]string, secrets []string) {
	t.Helper()
	folder := t.TempDir()
	write := func(name string) string {
		secret := fmt.Sprintf("%s-9e107d9d372bb6826bd81d3542a419d6", name)
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(secret+"\n"), 0o600))
		secrets = append(secrets, secret)
		return path
	}
	values = localhost()
	values["mlflow-sso:postgres"] = fmt.Sprintf(`{"external":{"host":"db.example.com","passwordFiles":{"mlflow":%q,"mlflow_auth":%q,"keycloak":%q}}}`,
		write("a"), write("b"), write("c"))
	values["mlflow-sso:redis"] = fmt.Sprintf(`{"external":{"host":"10.0.0.7","tls":false,"passwordFile":%q}}`, write("d"))
	values["mlflow-sso:artifacts"] = fmt.Sprintf(
		`{"s3":{"bucket":"artifacts","prefix":"team/a","endpoint":"https://s3.example.com","accessKeyID":"AKIA123","secretKeyFile":%q}}`, write("e"))
	return values, secrets
}

func TestExternalServicesUseTLSUnlessItIsDisabled(t *testing.T) {
	values, _ := externalServices(t)
	c, err := parse(values)
	require.NoError(t, err)
	require.Equal(t, "db.example.com:5432", c.Postgres.External.Server().String())
	require.True(t, c.Postgres.External.TLS)
	require.Equal(t, 512, c.Postgres.MemoryMB, "a member that is not set keeps its default")
	require.Equal(t, "10.0.0.7:6379", c.Redis.External.Server().String())
	require.False(t, c.Redis.External.TLS)
	require.Equal(t, "us-east-1", c.Artifacts.S3.Region)
	require.False(t, c.NeedsDataNetwork())

	c, err = parse(localhost())
	require.NoError(t, err)
	require.Nil(t, c.Postgres.External)
	require.Nil(t, c.Redis.External)
	require.Nil(t, c.Artifacts.S3)
	require.True(t, c.NeedsDataNetwork())
}

func TestNoSettingHoldsTheSecretOfAnExternalService(t *testing.T) {
	values, secrets := externalServices(t)
	c, err := parse(values)
	require.NoError(t, err)
	held := fmt.Sprintf("%+v %+v %+v %+v", c, c.Postgres.External, c.Redis.External, c.Artifacts.S3)
	for _, secret := range secrets {
		require.NotContains(t, held, secret)
	}
	read, err := c.Postgres.External.PasswordFiles.Keycloak.Read()
	require.NoError(t, err)
	require.Equal(t, secrets[2], read)
}

// from is replaced with to in the settings of externalServices.
func TestEveryMistakeAboutAnExternalServiceNamesItsKeyWhatWasGotAndWhatIsWanted(t *testing.T) {
	for name, test := range map[string]struct {
		key, from, to string
		want          []string
	}{
		"no host":               {"postgres", `"db.example.com"`, `""`, []string{"mlflow-sso:postgres.external: ", `got host ""`}},
		"host missing":          {"postgres", `"host":"db.example.com",`, ``, []string{"mlflow-sso:postgres.external: ", `got host ""`}},
		"URL for a host":        {"postgres", `"db.example.com"`, `"postgresql://db.example.com"`, []string{"want a full domain name"}},
		"this machine":          {"postgres", `"db.example.com"`, `"localhost"`, []string{"in a container is that container"}},
		"loopback":              {"redis", `"10.0.0.7"`, `"127.0.0.1"`, []string{"mlflow-sso:redis.external: ", "in a container is that container"}},
		"port":                  {"postgres", `"host"`, `"port":70000,"host"`, []string{"got port 70000", "want 1 to 65535"}},
		"port's type":           {"redis", `"host"`, `"port":"6379","host"`, []string{"mlflow-sso:redis.external.port: ", `got "6379"`, "want a whole number"}},
		"TLS's type":            {"redis", `false`, `"no"`, []string{"mlflow-sso:redis.external.tls: ", `got "no"`, "want true or false"}},
		"in clear to a name":    {"redis", `"10.0.0.7"`, `"cache.example.com"`, []string{"mlflow-sso:redis.external: ", `got tls false for "cache.example.com"`, "want true"}},
		"in clear to the world": {"redis", `"10.0.0.7"`, `"203.0.113.7"`, []string{"got tls false", "private IPv4 address"}},
		"prefix":                {"postgres", `"host"`, `"prefix":"team-a","host"`, []string{"mlflow-sso:postgres.external.prefix: ", `got "team-a"`, "want at most 31"}},
		"nothing":               {"postgres", `{"external":{`, `{"external":null,"rest":{`, []string{"mlflow-sso:postgres.external: got null, want an object"}},
		"a text":                {"redis", `{"external":{`, `{"external":"10.0.0.7","rest":{`, []string{`mlflow-sso:redis.external: got "10.0.0.7", want an object`}},
		"unknown member":        {"redis", `"host"`, `"user":"x","host"`, []string{"mlflow-sso:redis.external.user: unknown setting, want one of host, port, tls, passwordFile"}},
		"typed password":        {"redis", `"host"`, `"password":"hunter2hunter2hunter2","host"`, []string{"mlflow-sso:redis.external.password: ", "No secret is typed", "read from files", "passwordFile"}},
		"typed one level up":    {"postgres", `{"external"`, `{"password":"hunter2hunter2hunter2","external"`, []string{"mlflow-sso:postgres.password: ", "No secret is typed", "passwordFiles"}},
		"typed passwords":       {"postgres", `"passwordFiles":{`, `"passwordFiles":"hunter2hunter2hunter2","rest":{`, []string{"mlflow-sso:postgres.external.passwordFiles: ", "not repeated", "want an object"}},
		"typed for a file":      {"postgres", `"mlflow_auth":"`, `"mlflow_auth":"hunter2hunter2hunter2","rest":"`, []string{"mlflow-sso:postgres.external.passwordFiles.rest: unknown"}},
		"typed key":             {"artifacts", `"bucket"`, `"secretAccessKey":"hunter2hunter2hunter2","bucket"`, []string{"mlflow-sso:artifacts.s3.secretAccessKey: ", "No secret is typed", "secretKeyFile"}},
		"number for a file":     {"redis", `"passwordFile":"`, `"passwordFile":5,"rest":"`, []string{"mlflow-sso:redis.external.passwordFile: ", "want the absolute path of a file"}},
		"bucket":                {"artifacts", `"artifacts"`, `"My.Bucket"`, []string{"mlflow-sso:artifacts.s3.bucket: ", `got "My.Bucket"`, "want 3 to 63"}},
		"path":                  {"artifacts", `"team/a"`, `"/team/a/"`, []string{"mlflow-sso:artifacts.s3.prefix: ", `got "/team/a/"`, "without a slash at either end"}},
		"way up":                {"artifacts", `"team/a"`, `"team/../other"`, []string{"mlflow-sso:artifacts.s3.prefix: ", "want a path"}},
		"region":                {"artifacts", `"bucket"`, `"region":"","bucket"`, []string{"mlflow-sso:artifacts.s3.region: ", "eu-central-1"}},
		"S3 without TLS":        {"artifacts", `https://s3`, `http://s3`, []string{"mlflow-sso:artifacts.s3.endpoint: ", `got "http://s3.example.com"`, "want https"}},
		"S3 with a path":        {"artifacts", `s3.example.com`, `s3.example.com/bucket`, []string{"mlflow-sso:artifacts.s3.endpoint: ", "want an origin"}},
		"S3 here":               {"artifacts", `s3.example.com`, `localhost:9000`, []string{"mlflow-sso:artifacts.s3.endpoint: ", "in a container is that container"}},
		"S3 with a user":        {"artifacts", `s3.example.com`, `me:hunter2hunter2hunter2@s3.example.com`, []string{"mlflow-sso:artifacts.s3.endpoint: got one with an @ in it", "accessKeyID"}},
		"key for its name":      {"artifacts", `"AKIA123"`, `"hunter2/hunter2+hunter2"`, []string{"mlflow-sso:artifacts.s3.accessKeyID: ", "not repeated", "secretKeyFile"}},
		"no such thing":         {"artifacts", `{"s3"`, `{"gcs"`, []string{"mlflow-sso:artifacts.gcs: unknown setting, want one of s3"}},
		"turning nothing":       {"credentials", ``, `{"generations":{"postgres/mlflow":2}}`, []string{"mlflow-sso:credentials.generations.postgres/mlflow: ", "got 2 while postgres.external is set", "want none"}},
		"turning no cache":      {"credentials", ``, `{"generations":{"redis/default":1}}`, []string{"mlflow-sso:credentials.generations.redis/default: ", "while redis.external is set"}},
	} {
		t.Run(name, func(t *testing.T) {
			values, secrets := externalServices(t)
			before := values["mlflow-sso:"+test.key]
			require.Contains(t, before, test.from)
			values["mlflow-sso:"+test.key] = strings.Replace(before, test.from, test.to, 1)
			c, err := parse(values)
			require.Nil(t, c)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			for _, secret := range append(secrets, "hunter2") {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// The secrets are read before anything is created, and never shown.
func TestAFileWithASecretIsRefusedByItsKey(t *testing.T) {
	keys := map[string]string{
		"a": "postgres.external.passwordFiles.mlflow", "b": "postgres.external.passwordFiles.mlflow_auth",
		"c": "postgres.external.passwordFiles.keycloak", "d": "redis.external.passwordFile", "e": "artifacts.s3.secretKeyFile",
	}
	for want, change := range map[string]func(path string) error{
		"which does not exist":     os.Remove,
		"can be read by everyone":  func(path string) error { return os.Chmod(path, 0o644) },
		"is empty":                 func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"want at least 16":         func(path string) error { return os.WriteFile(path, []byte("short-1f"), 0o600) },
		"space or an empty line":   func(path string) error { return os.WriteFile(path, []byte("  9e107d9d372bb6826bd81d3542\n"), 0o600) },
		"tried first, want one fr": func(path string) error { return os.WriteFile(path, []byte("passwordpassword"), 0o600) },
	} {
		for name, key := range keys {
			values, _ := externalServices(t)
			path := ""
			for _, part := range strings.Split(values["mlflow-sso:postgres"]+values["mlflow-sso:redis"]+values["mlflow-sso:artifacts"], `"`) {
				if filepath.IsAbs(part) && filepath.Base(part) == name {
					path = part
				}
			}
			require.NoError(t, change(path))
			_, err := parse(values)
			require.ErrorContains(t, err, "mlflow-sso:"+key+": ")
			require.ErrorContains(t, err, want)
		}
	}
}

func TestEachRoleHasAPasswordOfItsOwn(t *testing.T) {
	values, secrets := externalServices(t)
	for _, part := range strings.Split(values["mlflow-sso:postgres"], `"`) {
		if filepath.IsAbs(part) {
			require.NoError(t, os.WriteFile(part, []byte(secrets[0]), 0o600))
		}
	}
	_, err := parse(values)
	require.ErrorContains(t, err, "mlflow-sso:postgres.external.passwordFiles.mlflow_auth: has the password of mlflow too")
	require.ErrorContains(t, err, "mlflow-sso:postgres.external.passwordFiles.keycloak: has the password of ")
	require.NotContains(t, err.Error(), secrets[0])
}

func TestASecretFromPulumisConfigurationIsRefused(t *testing.T) {
	values, _ := externalServices(t)
	_, err := parse(values, "mlflow-sso:redis")
	require.ErrorContains(t, err, "mlflow-sso:redis: is encrypted, want plain text")
	require.ErrorContains(t, err, "read from files")
}
