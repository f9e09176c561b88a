package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/objectstore"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// SecretFile is the absolute path of a file on this machine with the secret of an external
// service, which only its owner can read. A mistaken value may be the secret itself, so errors
// never repeat it.
type SecretFile string

// Read returns the file's content. It is not stored: a caller turns it into a secret output at
// once.
func (f SecretFile) Read() (string, error) { return credentials.FromFile(string(f)) }

func readSecretFile(raw json.RawMessage, into reflect.Value) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return errors.New("got a value that is not repeated here, want the absolute path of a file")
	}
	into.SetString(text)
	return nil
}

// ExternalPostgres is a database server outside the stack.
type ExternalPostgres struct {
	// Host is the server's host name or address, as containers reach it.
	Host string `json:"host"`
	// Port is the server's port.
	Port int `json:"port"`
	// TLS encrypts connections and verifies the server's certificate; it can be false for a
	// private address only.
	TLS bool `json:"tls"`
	// Prefix begins the names of the databases and their roles. Two stacks at one server
	// need different prefixes.
	Prefix string `json:"prefix"`
	// PasswordFiles are the files with the roles' passwords.
	PasswordFiles PasswordFiles `json:"passwordFiles"`
}

// PasswordFiles are the files with the password of each database's role.
type PasswordFiles struct {
	// MLflow is the absolute path of the file with the password of role mlflow.
	MLflow SecretFile `json:"mlflow"`
	// Auth is the absolute path of the file with the password of role mlflow_auth.
	Auth SecretFile `json:"mlflow_auth"`
	// Keycloak is the absolute path of the file with the password of role keycloak.
	Keycloak SecretFile `json:"keycloak"`
}

func (e *ExternalPostgres) setDefaults() { e.Port, e.TLS = 5432, true }

// Server returns the address for containers.
func (e *ExternalPostgres) Server() address.Server {
	return address.Server{Host: e.Host, Port: e.Port, TLS: e.TLS}
}

// ExternalRedis is a Redis server outside the stack.
type ExternalRedis struct {
	// Host is the server's host name or address, as containers reach it.
	Host string `json:"host"`
	// Port is the server's port.
	Port int `json:"port"`
	// TLS encrypts connections and verifies the server's certificate; it can be false for a
	// private address only.
	TLS bool `json:"tls"`
	// PasswordFile is the absolute path of a file with the password of user default.
	PasswordFile SecretFile `json:"passwordFile"`
}

func (e *ExternalRedis) setDefaults() { e.Port, e.TLS = 6379, true }

// Server returns the address for containers.
func (e *ExternalRedis) Server() address.Server {
	return address.Server{Host: e.Host, Port: e.Port, TLS: e.TLS}
}

// S3 is a bucket outside the stack.
type S3 struct {
	// Bucket is the bucket's name.
	Bucket string `json:"bucket"`
	// Prefix is the path within the bucket.
	Prefix string `json:"prefix"`
	// Endpoint is the service's origin; empty for Amazon S3.
	Endpoint string `json:"endpoint"`
	// Region is the bucket's region.
	Region string `json:"region"`
	// AccessKeyID is the ID of the access key.
	AccessKeyID string `json:"accessKeyID"`
	// SecretKeyFile is the absolute path of a file with the secret access key.
	SecretKeyFile SecretFile `json:"secretKeyFile"`
}

func (s *S3) setDefaults() { s.Region = "us-east-1" }

// UsesExternalServices names the external services that store this stack's data.
func (c *Config) UsesExternalServices() []string {
	var places []string
	if e := c.Postgres.External; e != nil {
		places = append(places, fmt.Sprintf("databases %[1]smlflow, %[1]smlflow_auth and %[1]skeycloak at %[2]s", e.Prefix, e.Server()))
	}
	if s := c.Artifacts.S3; s != nil {
		places = append(places, "artifacts in bucket "+s.Bucket)
	}
	if b := c.Backup; b != nil {
		places = append(places, "snapshots in "+b.Place())
	}
	return places
}

// NeedsDataNetwork reports whether the database or the cache is the stack's.
func (c *Config) NeedsDataNetwork() bool {
	return c.Postgres.External == nil || c.Redis.External == nil
}

// replaced maps credentials that are not derived to the settings that replace them.
func (c *Config) replaced() map[credentials.Label]string {
	by := map[credentials.Label]string{}
	if c.Postgres.External != nil {
		for _, label := range []credentials.Label{
			credentials.PostgresSuperuser, credentials.PostgresMLflow, credentials.PostgresMLflowAuth, credentials.PostgresKeycloak,
			credentials.PostgresBackup,
		} {
			by[label] = "postgres.external"
		}
	}
	if c.Redis.External != nil {
		by[credentials.Redis] = "redis.external"
	}
	return by
}

var databasePrefix = regexp.MustCompile(`^([a-z][a-z0-9_]{0,30})?$`)

// external validates the external services, including the files with secrets: they must be valid
// before anything is created.
func (v *validation) external(c *Config) {
	if e := c.Postgres.External; e != nil {
		v.server("postgres.external", e.Server())
		if !databasePrefix.MatchString(e.Prefix) {
			v.fail("postgres.external.prefix", "got %q, want at most 31 lower-case letters, digits and underscores, a letter first", e.Prefix)
		}
		v.passwords(e.PasswordFiles)
	}
	if e := c.Redis.External; e != nil {
		v.server("redis.external", e.Server())
		v.secret("redis.external.passwordFile", e.PasswordFile)
	}
	if e := c.Artifacts.S3; e != nil {
		v.s3("artifacts.s3", e)
	}
}

func (v *validation) server(key string, at address.Server) {
	if err := at.CheckExternal(); err != nil {
		v.fail(key, "%w", err)
	}
}

// passwords requires a separate password for each role, so that a compromised service opens only
// its own database.
func (v *validation) passwords(files PasswordFiles) {
	owner := map[string]string{}
	for _, role := range []struct {
		name string
		file SecretFile
	}{{"mlflow", files.MLflow}, {"mlflow_auth", files.Auth}, {"keycloak", files.Keycloak}} {
		key := "postgres.external.passwordFiles." + role.name
		password := v.secret(key, role.file)
		if other := owner[password]; password != "" && other != "" {
			v.fail(key, "has the password of %s too, want another: each service can open only its own database", other)
		}
		owner[password] = role.name
	}
}

// secret returns the content of a file; empty if that is an error.
func (v *validation) secret(key string, file SecretFile) string {
	secret, err := file.Read()
	if err != nil {
		v.fail(key, "%w", err)
	}
	return secret
}

func (v *validation) s3(key string, s *S3) {
	for _, check := range []struct {
		key, got string
		err      error
	}{
		{"bucket", s.Bucket, objectstore.CheckBucket(s.Bucket)},
		{"prefix", s.Prefix, objectstore.CheckPrefix(s.Prefix)},
		{"region", s.Region, objectstore.CheckRegion(s.Region)},
		{"endpoint", s.Endpoint, objectstore.CheckEndpoint(s.Endpoint)},
	} {
		if check.err == nil {
			continue
		}
		got := fmt.Sprintf("got %q", check.got)
		if strings.Contains(check.got, "@") {
			got = "got one with an @ in it"
		}
		v.fail(key+"."+check.key, "%s, %w", got, check.err)
	}
	if err := objectstore.CheckAccessKeyID(s.AccessKeyID); err != nil {
		v.fail(key+".accessKeyID", "got %d characters that are not repeated here, %w", len(s.AccessKeyID), err)
	}
	v.secret(key+".secretKeyFile", s.SecretKeyFile)
}
