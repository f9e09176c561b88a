package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Commands inside the Redis container. The password goes from the container's
// environment to the client's, so no process list shows it.
const (
	scanCommand     = `REDISCLI_AUTH="$REDIS_PASSWORD" exec redis-cli --no-auth-warning --scan --pattern '*permissions_v2*'`
	pingCommand     = `REDISCLI_AUTH="$REDIS_PASSWORD" exec redis-cli --no-auth-warning PING`
	stranger        = `unset REDISCLI_AUTH; exec redis-cli PING`
	wrongPassword   = `REDISCLI_AUTH=password exec redis-cli --no-auth-warning PING`
	redisStrangerNo = "NOAUTH"
	redisWrongNo    = "WRONGPASS"
)

func (p *proof) redis(ctx context.Context, command string) (string, error) {
	name := p.stack.Redis.Container
	result, err := p.docker.Exec(ctx, name, []string{"sh", "-c", command})
	if err != nil {
		return "", err
	}
	// redis-cli reports a refusal on either stream, and with either exit code.
	return strings.TrimSpace(result.Stdout + "\n" + result.Stderr), nil
}

// checkPermissionCache makes MLflow decide about a permission of the member and
// finds the decision in Redis.
func (p *proof) checkPermissionCache(ctx context.Context) (string, error) {
	page, err := p.member.browser.Fetch(ctx, http.MethodGet, p.stack.MLflow.URL+experimentPath, nil, nil)
	if err != nil {
		return "", err
	}
	if page.Status != http.StatusOK && page.Status != http.StatusForbidden {
		return "", differs(fmt.Sprintf("%d for the default experiment, asked for by the member", page.Status), "200 or 403, a decision")
	}
	out, err := p.redis(ctx, scanCommand)
	if err != nil {
		return "", err
	}
	keys, mine := judgeCacheKeys(out, p.member.email)
	if mine == 0 {
		return "", differs(fmt.Sprintf("%d decisions in Redis, none about the member (redis-cli says %q)", keys, firstLine(out)), "at least one about the member")
	}
	return fmt.Sprintf("decisions about permissions in Redis: %d, about the member: %d", keys, mine), nil
}

// judgeCacheKeys counts the decisions among the lines of a scan, and those that
// name the person.
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

// checkRedisPassword knocks without a password, with a wrong one, and with the
// right one.
func (p *proof) checkRedisPassword(ctx context.Context) (string, error) {
	for _, attempt := range []struct{ who, command, wanted string }{
		{"without a password", stranger, redisStrangerNo},
		{"with the password \"password\"", wrongPassword, redisWrongNo},
		{"with its password", pingCommand, "PONG"},
	} {
		out, err := p.redis(ctx, attempt.command)
		if err != nil {
			return "", err
		}
		if !strings.Contains(out, attempt.wanted) {
			return "", differs(fmt.Sprintf("%q from Redis, asked %s", firstLine(out), attempt.who), attempt.wanted)
		}
	}
	return "Redis answers only to its password", nil
}

// Passwords that MLflow, Keycloak and their tutorials come with.
var (
	mlflowDefaults   = [][2]string{{"admin", "password"}, {"admin", "password1234"}, {"admin", "admin"}}
	keycloakDefaults = [][2]string{{"admin", "admin"}, {"admin", "password"}}
)

// checkDefaultPasswords tries them, and a proper one of each kind.
func (p *proof) checkDefaultPasswords(ctx context.Context) (string, error) {
	for _, login := range mlflowDefaults {
		header := http.Header{"Authorization": {basic(login[0], login[1])}}
		if err := p.expectSearch(ctx, p.newBrowser(), header, http.StatusUnauthorized,
			fmt.Sprintf("as %s with the password %s", login[0], login[1])); err != nil {
			return "", err
		}
	}
	if err := p.properBasic(ctx); err != nil {
		return "", fmt.Errorf("control, a personal token as a password: %w", err)
	}
	for _, login := range keycloakDefaults {
		status, said, err := p.masterLogin(ctx, login[0], login[1])
		if err != nil {
			return "", err
		}
		if err := judgeMasterRefusal(status, said); err != nil {
			return "", fmt.Errorf("%s with the password %s at Keycloak: %w", login[0], login[1], err)
		}
	}
	admin := p.stack.Keycloak.Admin
	status, said, err := p.masterLogin(ctx, admin.Username, admin.Password)
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", differsNext(fmt.Sprintf("%d (%s) for %s with the stack's own password at Keycloak", status, said, admin.Username), "200, the control",
			"the password was changed in Keycloak and the stack does not know it: set it back to the one of the stack's output keycloak.admin")
	}
	return "MLflow and Keycloak refuse the passwords they are known for, and take proper ones", nil
}

// badCredentials is what Keycloak says to a wrong password. It says something
// else when the password is right and the account cannot be used for now.
const badCredentials = "invalid_grant: Invalid user credentials"

// judgeMasterRefusal demands that the password was what was wrong.
func judgeMasterRefusal(status int, said string) error {
	if status >= 400 && status < 500 && said == badCredentials {
		return nil
	}
	return differs(strings.TrimSpace(fmt.Sprintf("%d %s", status, said)), "a refusal, "+badCredentials)
}

// masterLogin asks Keycloak for a token as its own command line does. It
// returns the status and the error, empty for none.
func (p *proof) masterLogin(ctx context.Context, username, password string) (int, string, error) {
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {username}, "password": {password}}
	page, err := p.newBrowser().Fetch(ctx, http.MethodPost, p.stack.Keycloak.AdminURL+"/realms/master/protocol/openid-connect/token",
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := page.JSON(&answer); err != nil {
		return 0, "", err
	}
	if answer.Error == "" {
		return page.Status, "", nil
	}
	return page.Status, answer.Error + ": " + answer.Description, nil
}

// properBasic makes a personal token of the member, uses it and deletes it: it
// shows that MLflow listens to this kind of login at all.
func (p *proof) properBasic(ctx context.Context) (err error) {
	body, err := json.Marshal(map[string]string{
		"name":       "mlflow-sso-verify-" + random()[:8],
		"expiration": time.Now().Add(10 * time.Minute).UTC().Format(time.RFC3339),
	})
	if err != nil {
		return err
	}
	page, err := p.member.browser.Fetch(ctx, http.MethodPost, p.stack.MLflow.URL+tokensPath, nil, body)
	if err != nil {
		return err
	}
	if err := judgeStatus(page.Status, http.StatusCreated, "a new personal token"); err != nil {
		return err
	}
	var made struct {
		ID    int64  `json:"id"`
		Token string `json:"token"`
	}
	if err := page.JSON(&made); err != nil {
		return err
	}
	defer func() {
		gone, deleteErr := p.member.browser.Fetch(context.WithoutCancel(ctx), http.MethodDelete,
			fmt.Sprintf("%s%s/%d", p.stack.MLflow.URL, tokensPath, made.ID), nil, nil)
		if deleteErr == nil {
			deleteErr = judgeStatus(gone.Status, http.StatusOK, "deleting it again")
		}
		if err == nil {
			err = deleteErr
		}
	}()
	header := http.Header{"Authorization": {basic(p.member.email, made.Token)}}
	return p.expectSearch(ctx, p.newBrowser(), header, http.StatusOK, "with it")
}
