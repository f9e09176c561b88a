//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// namesMistakes makes one mistake after the other, and checks that the stack still works.
func namesMistakes(t *testing.T, s *servers, l *lab) {
	docker := openEngine(t)
	running := func() (ids []string) {
		for _, component := range []string{"keycloak", "mlflow"} {
			seen, err := docker.API().ContainerInspect(t.Context(), l.name+"-"+component)
			require.NoError(t, err)
			ids = append(ids, seen.ID+seen.State.StartedAt)
		}
		return ids
	}
	before := running()
	settings := func(from, to string) func(t *testing.T) {
		return func(t *testing.T) {
			l.with(t, func(text string) string { return strings.Replace(text, from, to, 1) })
		}
	}
	for name, test := range map[string]struct {
		make func(t *testing.T)
		want []string
	}{
		"another password": {func(t *testing.T) {
			right := s.secret(t, "keycloak")
			s.writes(t, "keycloak", newSecret())
			t.Cleanup(func() { s.writes(t, "keycloak", right) })
		}, []string{"postgres.external: database keycloak", "password authentication failed", "passwordFiles.keycloak does not contain the password"}},
		"no database": {func(t *testing.T) {
			s.makes(t, "none_")
			s.sql(t, "postgres", "drop database none_mlflow_auth;")
			settings(`prefix: ""`, `prefix: none_`)(t)
		}, []string{"postgres.external: database none_mlflow_auth", "does not exist: create it", "docs/how-to/external-services.md"}},
		"not UTF8": {func(t *testing.T) {
			s.makes(t, "latin_", "ENCODING 'UTF8'", "ENCODING 'LATIN1' LOCALE 'C'")
			settings(`prefix: ""`, `prefix: latin_`)(t)
		}, []string{"postgres.external: database latin_mlflow at", "got encoding LATIN1, want UTF8"}},
		"no listener": {settings(fmt.Sprintf("port: %d,", s.redis), "port: 1,"), []string{"redis.external: ", "nothing answers there"}},
		"another cache's password": {func(t *testing.T) {
			right := s.secret(t, "redis")
			s.writes(t, "redis", newSecret())
			t.Cleanup(func() { s.writes(t, "redis", right) })
		}, []string{"redis.external: ", "passwordFile does not contain the password"}},
		"no bucket": {settings("bucket: artifacts", "bucket: nothing-here"), []string{"artifacts.s3: s3://nothing-here", "create the bucket"}},
		"another key": {func(t *testing.T) {
			right := s.secret(t, "s3")
			s.writes(t, "s3", newSecret())
			t.Cleanup(func() { s.writes(t, "s3", right) })
		}, []string{"artifacts.s3: ", "secretKeyFile does not contain the key"}},
		"an unknown authority": {
			settings("mlflow: "+s.mlflow, "mlflow: "+s.untrusting),
			[]string{"postgres.external: ", "redis.external: ", "artifacts.s3: ", "do not know the authority"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.make(t)
			refusedSoon(t, l, test.want...)
		})
	}
	require.Equal(t, before, running())
}

// findsWhatIsOpen opens one weakness after the other at the services.
func findsWhatIsOpen(t *testing.T, s *servers, deployed outputs.Stack) {
	// password sets the password of the user default, which currently has the other one; none
	// lets every client in.
	password := func(before, after string) func(t *testing.T) {
		return func(t *testing.T) {
			script := fmt.Sprintf(`export REDISCLI_AUTH="$(cat %s)"
				redis-cli -h "$ADDRESS" -p "$PORT" --tls --insecure -x CONFIG SET requirepass <%s`, before, after)
			got, err := s.docker.Exec(context.WithoutCancel(t.Context()), s.redisID, []string{"bash", "-c", script})
			require.NoError(t, err)
			require.Contains(t, got.Stdout, "OK", got.Stderr)
		}
	}
	sql := func(statement string) func(t *testing.T) {
		return func(t *testing.T) { s.sql(t, "postgres", statement) }
	}
	for name, test := range map[string]struct {
		open, shut func(t *testing.T)
		checks     []string
	}{
		"a database for every role": {sql("grant connect on database keycloak to public;"), sql("revoke connect on database keycloak from public;"), []string{"database-access"}},
		"a superuser":               {sql("alter role mlflow_auth superuser;"), sql("alter role mlflow_auth nosuperuser;"), []string{"database-access"}},
		// Without one the server refuses a client that presents one, so MLflow has no cache either.
		"a cache without a password": {password("/tmp/password", "/dev/null"), password("/dev/null", "/tmp/password"), []string{"permission-cache", "redis-password"}},
		"a bucket that is gone": {
			func(t *testing.T) { require.NoError(t, os.Rename(s.bucket, s.bucket+"-away")) },
			func(t *testing.T) { require.NoError(t, os.Rename(s.bucket+"-away", s.bucket)) },
			[]string{"artifact-store"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.open(t)
			shown := prove(t, deployed)
			test.shut(t)
			require.Equal(t, test.checks, fallen(shown, check.StatusFailed))
			for _, c := range shown.Checks {
				for _, secret := range []string{"mlflow", "mlflow_auth", "keycloak", "redis", "s3"} {
					require.NotContains(t, c.Reason+c.Got+c.Wanted+c.Next+c.Detail, s.secret(t, secret))
				}
			}
		})
	}
	requireAllPassed(t, prove(t, deployed))
}
