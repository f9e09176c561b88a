package platform

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/objectstore"
	"github.com/mlflow-sso/mlflow-sso/components/postgres"
	"github.com/mlflow-sso/mlflow-sso/components/redis"
	"github.com/mlflow-sso/mlflow-sso/config"
)

// External are the connections to external services, with their secrets in plain text; nil for a
// service of the stack.
type External struct {
	Postgres  *postgres.External
	Redis     *redis.External
	Artifacts *objectstore.External
}

// Any reports whether there is one.
func (e External) Any() bool { return e.Postgres != nil || e.Redis != nil || e.Artifacts != nil }

// ReadExternal reads the secrets of external services from their files.
func ReadExternal(c *config.Config) (External, error) {
	var e External
	var err error
	read := func(key string, file config.SecretFile) (secret string) {
		if err == nil {
			if secret, err = file.Read(); err != nil {
				err = fmt.Errorf("%s: %w", key, err)
			}
		}
		return secret
	}
	if set := c.Postgres.External; set != nil {
		e.Postgres = &postgres.External{Address: set.Server(), Prefix: set.Prefix, Passwords: map[string]string{
			mlflowDatabase:   read("postgres.external.passwordFiles.mlflow", set.PasswordFiles.MLflow),
			authDatabase:     read("postgres.external.passwordFiles.mlflow_auth", set.PasswordFiles.Auth),
			keycloakDatabase: read("postgres.external.passwordFiles.keycloak", set.PasswordFiles.Keycloak),
		}}
	}
	if set := c.Redis.External; set != nil {
		e.Redis = &redis.External{
			Address: set.Server(), Password: read("redis.external.passwordFile", set.PasswordFile), Prefix: c.Name + ":",
		}
	}
	if set := c.Artifacts.S3; set != nil {
		e.Artifacts = &objectstore.External{
			Bucket: set.Bucket, Prefix: set.Prefix, Endpoint: set.Endpoint, Region: set.Region,
			AccessKeyID: set.AccessKeyID, SecretKey: read("artifacts.s3.secretKeyFile", set.SecretKeyFile),
		}
	}
	return e, err
}

// connectExternal creates the connections to external services. It registers nothing: they exist
// before the stack and remain after it.
func (p *Platform) connectExternal(*pulumi.Context, ...pulumi.ResourceOption) error {
	e, err := ReadExternal(p.config)
	if err == nil && e.Postgres != nil {
		p.databases, err = e.Postgres.Connect()
	}
	if err == nil && e.Redis != nil {
		p.cache, err = e.Redis.Connect()
	}
	if err == nil && e.Artifacts != nil {
		p.artifacts, err = e.Artifacts.Connect()
	}
	return err
}

// dataNetwork returns the data network for a service that needs it; none if its databases are
// external, since it reaches those through the edge network.
func (p *Platform) dataNetwork(needed bool) pulumi.StringInput {
	if !needed {
		return nil
	}
	return p.network.Data
}

func (p *Platform) postgresOutputs() pulumi.Map {
	if e := p.config.Postgres.External; e != nil {
		return service(pulumi.String(""), e.Server().String(), e.TLS)
	}
	return service(p.postgres.Container, "", false)
}

func (p *Platform) redisOutputs() pulumi.Map {
	if e := p.config.Redis.External; e != nil {
		return service(pulumi.String(""), e.Server().String(), e.TLS)
	}
	return service(p.redis.Container, "", false)
}

func service(container pulumi.StringInput, external string, tls bool) pulumi.Map {
	return pulumi.Map{"container": container, "external": pulumi.String(external), "tls": pulumi.Bool(tls)}
}

func (p *Platform) artifactsOutputs() pulumi.Map {
	return pulumi.Map{"uri": pulumi.String(p.artifacts.URI), "endpoint": pulumi.String(p.artifacts.Endpoint)}
}
