package login

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// Commands for Redis.
const (
	scan             = "scan"
	ping             = "ping"
	anonymous        = "anonymous"
	wrongPassword    = "wrong"
	redisAnonymousNo = "NOAUTH"
	redisWrongNo     = "WRONGPASS"
)

// inRedis runs commands inside the Redis container. The password passes from the container's
// environment to the client's, so no process list shows it.
var inRedis = map[string]string{
	scan:          `REDISCLI_AUTH="$REDIS_PASSWORD" exec redis-cli --no-auth-warning --scan --pattern '*permissions_v2*'`,
	ping:          `REDISCLI_AUTH="$REDIS_PASSWORD" exec redis-cli --no-auth-warning PING`,
	anonymous:     `unset REDISCLI_AUTH; exec redis-cli PING`,
	wrongPassword: `REDISCLI_AUTH=password exec redis-cli --no-auth-warning PING`,
}

// redis queries Redis inside its container, or from MLflow's if Redis is external.
func (p *proof) redis(ctx context.Context, what string) (string, error) {
	if p.Stack.Redis.External != "" {
		lines, err := inMLflow[[]string](ctx, p, probe.RedisAccess, what)
		return strings.Join(lines, "\n"), err
	}
	result, err := p.Docker.Exec(ctx, p.Stack.Redis.Container, []string{"sh", "-c", inRedis[what]})
	if err != nil {
		return "", err
	}
	// redis-cli reports a refusal on either stream, and with either exit code.
	return strings.TrimSpace(result.Stdout + "\n" + result.Stderr), nil
}

// cacheAttempts is how often the check searches for a decision. One that was cached half a minute ago can
// expire, and identity sync can flush the cache, between MLflow's response and the scan of Redis.
const cacheAttempts = 3

// checkPermissionCache makes MLflow decide about a permission of the member and finds the
// decision in Redis.
func (p *proof) checkPermissionCache(ctx context.Context) (string, error) {
	for attempt := 1; ; attempt++ {
		keys, mine, said, err := p.cachedDecisions(ctx)
		switch {
		case err != nil:
			return "", err
		case mine > 0:
			return fmt.Sprintf("decisions about permissions in Redis: %d, about the member: %d", keys, mine), nil
		case attempt == cacheAttempts:
			return "", check.Mismatch(fmt.Sprintf("%d decisions in Redis, none about the member (redis-cli says %q)", keys, said), "at least one about the member")
		}
	}
}

// cachedDecisions counts the decisions in Redis, and those about the member, after a request;
// said is the first line of the response.
func (p *proof) cachedDecisions(ctx context.Context) (keys, mine int, said string, err error) {
	page, err := p.Member.Browser.Fetch(ctx, http.MethodGet, p.Stack.MLflow.URL+experimentPath, nil, nil)
	if err != nil {
		return 0, 0, "", err
	}
	if page.Status != http.StatusOK && page.Status != http.StatusForbidden {
		return 0, 0, "", check.Mismatch(fmt.Sprintf("%d for the default experiment, requested by the member", page.Status), "200 or 403, a decision")
	}
	out, err := p.redis(ctx, scan)
	if err != nil {
		return 0, 0, "", err
	}
	keys, mine = judgeCacheKeys(out, p.Member.Email)
	return keys, mine, firstLine(out), nil
}

// judgeCacheKeys counts the decisions among the lines of a scan, and those that name the user.
func judgeCacheKeys(scan, email string) (keys, mine int) {
	// The plugin quotes the parts of some keys.
	names := []string{strings.ToLower(email), strings.ToLower(url.QueryEscape(email))}
	for line := range strings.Lines(scan) {
		if !strings.Contains(line, "permissions_v2") {
			continue
		}
		keys++
		line = strings.ToLower(line)
		if strings.Contains(line, names[0]) || strings.Contains(line, names[1]) {
			mine++
		}
	}
	return keys, mine
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// checkRedisPassword connects without a password, with a wrong one, and with the correct one.
func (p *proof) checkRedisPassword(ctx context.Context) (string, error) {
	for _, attempt := range []struct{ who, command, wanted string }{
		{"without a password", anonymous, redisAnonymousNo},
		{"with the password \"password\"", wrongPassword, redisWrongNo},
		{"with its password", ping, "PONG"},
	} {
		out, err := p.redis(ctx, attempt.command)
		if err != nil {
			return "", err
		}
		if !strings.Contains(out, attempt.wanted) {
			return "", check.Mismatch(fmt.Sprintf("%q from Redis, asked %s", firstLine(out), attempt.who), attempt.wanted)
		}
	}
	if p.Stack.Redis.External != "" {
		return fmt.Sprintf("%s answers only to its password%s", p.Stack.Redis.External, inTLS(p.Stack.Redis.TLS)), nil
	}
	return "Redis answers only to its password", nil
}
