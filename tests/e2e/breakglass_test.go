//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

// pass is a running break-glass command, and its access.
type pass struct {
	command      *exec.Cmd
	basic, token string
	door         string
}

var passShown = regexp.MustCompile(`(?s)Browser on this machine +(\S+)\n.*USERNAME +(\S+)\n.*PASSWORD +(\S+)\n`)

// breakGlass starts the command and waits for its access.
func (l *lab) breakGlass(t *testing.T, more ...string) *pass {
	t.Helper()
	stdout, stderr := &written{}, &written{}
	p := &pass{command: l.command(context.Background(), "break-glass", more...)}
	p.command.Stdout, p.command.Stderr = stdout, stderr
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		if p.command.ProcessState == nil {
			_ = p.command.Process.Signal(syscall.SIGTERM)
			_ = p.command.Wait()
		}
	})
	require.Eventually(t, func() bool { return passShown.MatchString(stdout.String()) }, 2*time.Minute, 100*time.Millisecond, "no pass: %s", stderr)
	found := passShown.FindStringSubmatch(stdout.String())
	p.door, p.token = found[1], found[3]
	p.basic = "Basic " + base64.StdEncoding.EncodeToString([]byte(found[2]+":"+found[3]))
	return p
}

// operatorGetsIn uses break-glass access with a command that is killed and one that ends.
func operatorGetsIn(t *testing.T, l *lab, deployed outputs.Stack, docker *engine.Engine) {
	t.Helper()
	// Killed: its access must expire without it.
	left := l.breakGlass(t, "--duration", "1m", "--operator", "ada", "--reason", "a test of the end")
	require.NoError(t, left.command.Process.Kill())
	_ = left.command.Wait()

	opened := l.breakGlass(t, "--operator", "ada", "--reason", "Keycloak is stopped")
	require.Equal(t, 200, status(t, http.DefaultClient, deployed.MLflow.URL+usersPath, opened.basic), "an administrator's route")
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	answer, err := (&http.Client{Jar: jar}).Get(opened.door)
	require.NoError(t, err)
	_ = answer.Body.Close()
	require.Equal(t, 200, answer.StatusCode, "a browser at the door")
	require.NoError(t, opened.command.Process.Signal(syscall.SIGINT))
	require.NoError(t, opened.command.Wait())
	require.Equal(t, 401, status(t, http.DefaultClient, deployed.MLflow.URL+usersPath, opened.basic), "after its end")

	require.Eventually(t, func() bool { return status(t, http.DefaultClient, deployed.MLflow.URL+usersPath, left.basic) == 401 }, 90*time.Second, time.Second)
	require.Eventually(t, func() bool {
		return inAuth(t, deployed, docker, "SELECT count(*) FROM users WHERE username LIKE 'break-glass-%' AND (active OR is_admin)") == "0"
	}, syncstatus.Expired(deployed)+remembers, time.Second, "accounts with rights")
	logs := logOf(t, docker, deployed.MLflow.Container)
	require.Equal(t, 2, strings.Count(logs, `"break_glass.granted"`), "the audit log names both")
	require.Contains(t, logs, "Keycloak is stopped")
	require.NotContains(t, logs, opened.token)
	require.Contains(t, logOf(t, docker, deployed.IdentitySync.Container), `"break_glass.ended"`, "identity sync ends what no command ended")
}
