package health

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Commands inside the Redis container: with the program's password, from standard input, and
// without one.
const (
	redisPing      = `read -r REDISCLI_AUTH && export REDISCLI_AUTH && exec redis-cli -t 5 --no-auth-warning PING`
	redisAnonymous = `unset REDISCLI_AUTH; exec redis-cli -t 5 PING`
)

func (d *doctor) checkRedis(ctx context.Context) ([]Finding, error) {
	name := d.container(Redis)
	password := d.Environments[name]["REDIS_PASSWORD"]
	if password == "" {
		return nil, fmt.Errorf("%w: the state has no password of Redis", check.ErrNotRun)
	}
	ask := func(command string, options ...engine.ExecOption) (string, error) {
		result, err := d.docker.Exec(ctx, name, []string{"sh", "-c", command}, options...)
		return strings.TrimSpace(result.Stdout + "\n" + result.Stderr), err
	}
	proper, err := ask(redisPing, engine.Stdin(strings.NewReader(password+"\n")))
	if err != nil {
		return nil, err
	}
	anonymous, err := ask(redisAnonymous)
	if err != nil {
		return nil, err
	}
	return d.judgeRedis(firstLine(proper), firstLine(anonymous)), nil
}

// judgeRedis requires a response with the password, and a refusal without.
func (d *doctor) judgeRedis(proper, anonymous string) (found []Finding) {
	name := d.container(Redis)
	if anonymous == "PONG" {
		// It then gives the same response to any password.
		return []Finding{{
			ID: RedisOpen, Component: Redis, Summary: "Redis answers without a password: anyone who reaches it can write permissions",
			Got: anonymous, Wanted: "NOAUTH", Cause: "container " + name, Fix: d.up("--refresh"),
		}}
	}
	if proper != "PONG" {
		found = append(found, Finding{
			ID: RedisPassword, Component: Redis, Summary: "Redis does not answer to the password that the program gave it",
			Got: proper, Wanted: "PONG", Cause: "container " + name, Fix: "docker restart " + name,
		})
	}
	return found
}
