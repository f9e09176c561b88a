package external

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/objectstore"
	"github.com/mlflow-sso/mlflow-sso/components/postgres"
	"github.com/mlflow-sso/mlflow-sso/components/redis"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

func allExternal() platform.External {
	return platform.External{
		Postgres: &postgres.External{
			Address: address.Server{Host: "db.example.com", Port: 5432, TLS: true}, Prefix: "a_",
			Passwords: map[string]string{"mlflow": "first secret", "keycloak": "second secret"},
		},
		Redis:     &redis.External{Address: address.Server{Host: "cache.example.com", Port: 6379, TLS: true}, Password: "third secret", Prefix: "a:"},
		Artifacts: &objectstore.External{Bucket: "bucket", Prefix: "p", AccessKeyID: "id", SecretKey: "fourth secret"},
	}
}

// rightSightings are the results without problems.
func rightSightings() []probeResult {
	return []probeResult{
		{Service: "postgres", Name: "mlflow", Encoding: "UTF8", Creates: true},
		{Service: "postgres", Name: "keycloak", Encoding: "UTF8", Creates: true, Keycloak: true},
		{Service: "redis", Kept: true},
		{Service: "s3", Kept: true},
	}
}

// Each line is an error that a client has really returned, or a real state of a database.
func TestWhatIsWrongWithExternalServicesIsNamedWithTheNextStep(t *testing.T) {
	require.NoError(t, judge(allExternal(), rightSightings()))
	for name, test := range map[string]struct {
		saw  probeResult
		want []string
	}{
		"password": {
			probeResult{Service: "postgres", Name: "mlflow", Said: `connection failed: connection to server at "172.17.0.1", port 15432 failed: FATAL:  password authentication failed for user "a_mlflow"`},
			[]string{`postgres.external: database a_mlflow at db.example.com:5432: FATAL: password authentication failed for user "a_mlflow": `, "passwordFiles.mlflow does not contain the password"},
		},
		"missing": {
			probeResult{Service: "postgres", Name: "keycloak", Said: `connection failed: connection to server at "172.17.0.1", port 15432 failed: FATAL:  database "a_keycloak" does not exist`},
			[]string{"database a_keycloak at", "does not exist: create it", "docs/how-to/external-services.md"},
		},
		"encoding":  {probeResult{Service: "postgres", Name: "mlflow", Encoding: "LATIN1", Creates: true}, []string{"got encoding LATIN1, want UTF8", "drop the database"}},
		"rights":    {probeResult{Service: "postgres", Name: "mlflow", Encoding: "UTF8"}, []string{"cannot create tables", "OWNER TO"}},
		"superuser": {probeResult{Service: "postgres", Name: "mlflow", Encoding: "UTF8", Creates: true, Superuser: true}, []string{"is a superuser", "NOSUPERUSER"}},
		"authority": {
			probeResult{Service: "postgres", Name: "mlflow", Said: `connection failed: connection to server at "172.17.0.1", port 15432 failed: SSL error: certificate verify failed`},
			[]string{"do not know the authority", "/usr/local/share/ca-certificates"},
		},
		"another name": {
			probeResult{Service: "postgres", Name: "mlflow", Said: `connection failed: connection to server at "10.0.0.7", port 5432 failed: server certificate for "db.example.org" does not match host name "db.example.com"`},
			[]string{"is for another name"},
		},
		"no TLS":         {probeResult{Service: "postgres", Name: "mlflow", Said: `server does not support SSL, but SSL was required`}, []string{"does not use TLS", "postgres.external.tls"}},
		"away":           {probeResult{Service: "postgres", Name: "mlflow", Said: `connection failed: connection to server at "172.17.0.1", port 1 failed: Connection refused Is the server running on that host and accepting TCP/IP connections?`}, []string{"nothing answers there", "firewall"}},
		"no such name":   {probeResult{Service: "postgres", Name: "mlflow", Said: `failed to resolve host 'db.example.com': [Errno -2] Name or service not known`}, []string{"cannot resolve that name"}},
		"wrong pass":     {probeResult{Service: "redis", Said: "invalid username-password pair or user is disabled."}, []string{"redis.external: cache.example.com:6379: ", "redis.external.passwordFile"}},
		"no password":    {probeResult{Service: "redis", Said: "AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"}, []string{"requires no password", "run code in MLflow"}},
		"cache's rights": {probeResult{Service: "redis", Said: "this user has no permissions to run the 'setex' command"}, []string{"SETEX, GET, DEL, SCAN"}},
		"cache's name": {
			probeResult{Service: "redis", Said: "Error 1 connecting to 172.17.0.1:6379. [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch, certificate is not valid for '172.17.0.1'. (_ssl.c:1029)."},
			[]string{"is for another name"},
		},
		"forgetful":   {probeResult{Service: "redis"}, []string{"does not return"}},
		"no bucket":   {probeResult{Service: "s3", Said: "An error occurred (NoSuchBucket) when calling the PutObject operation: The specified bucket does not exist."}, []string{"artifacts.s3: s3://bucket/p at Amazon: ", "create the bucket"}},
		"signature":   {probeResult{Service: "s3", Said: "An error occurred (SignatureDoesNotMatch) when calling the PutObject operation: The request signature we calculated does not match"}, []string{"secretKeyFile does not contain the key"}},
		"unknown key": {probeResult{Service: "s3", Said: "An error occurred (InvalidAccessKeyId) when calling the PutObject operation"}, []string{"does not know artifacts.s3.accessKeyID"}},
		"forbidden":   {probeResult{Service: "s3", Said: "An error occurred (AccessDenied) when calling the GetObject operation"}, []string{"s3:ListBucket"}},
		"something":   {probeResult{Service: "s3", Said: "an unexpected text"}, []string{"an unexpected text"}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := rightSightings()
			for i, s := range seen {
				if s.Service == test.saw.Service && s.Name == test.saw.Name {
					seen[i] = test.saw
				}
			}
			err := judge(allExternal(), seen)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// A check that did not run is not a success.
func TestUntestedExternalServicesDoNotCountAsCorrect(t *testing.T) {
	for i := range rightSightings() {
		seen := slices.Delete(rightSightings(), i, i+1)
		require.ErrorContains(t, judge(allExternal(), seen), "was not tried")
	}
	require.NoError(t, judge(platform.External{}, nil))
}

func TestASecretThatAClientRepeatsIsCutOut(t *testing.T) {
	_, secrets := asked(allExternal())
	for _, secret := range []string{"first secret", "second secret", "third secret", "fourth secret"} {
		require.Contains(t, secrets, secret)
		require.Equal(t, "said … again", without(secrets, "said "+secret+" again"))
	}
	require.Equal(t, "could not open …", without(secrets, "could not open "+allExternal().Postgres.URI("mlflow")))
}
