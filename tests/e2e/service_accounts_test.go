//go:build e2e

package e2e

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// accountOfLabs is a service account of every shared stack.
const accountOfLabs = "ci"

//go:embed testdata/machine.py
var machineScript string

// lifetime is the lifetime of a test's tokens, in seconds; the setting is in minutes.
const lifetime = 8

// newLabWithAccount is newLab with it.
func newLabWithAccount(folder string) (*lab, error) {
	l, err := newLab(folder)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(l.file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(file, "  mlflow-sso:serviceAccounts:\n    - name: %s\n      groups: [mlflow-users]\n", accountOfLabs)
	return l, errors.Join(err, file.Close())
}

func TestMLflowAcceptsATokenThatTheToolPrints(t *testing.T) {
	onEveryLab(t, func(t *testing.T, l *lab, deployed outputs.Stack) {
		at := site{deployed: deployed}
		printed := l.must(t, "token", accountOfLabs)
		token, rest, _ := strings.Cut(printed.stdout, "\n")
		require.Empty(t, rest, "nothing but the token is printed")
		require.Empty(t, printed.stderr)

		ask := func(authorization string) (int, string) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, deployed.MLflow.URL+"/api/2.0/mlflow/users/current", nil)
			require.NoError(t, err)
			request.Header.Set("Authorization", authorization)
			answer, err := at.front(t).HTTP().Do(request)
			require.NoError(t, err)
			defer func() { _ = answer.Body.Close() }()
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			return answer.StatusCode, string(body)
		}
		status, who := ask("Bearer " + token)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, who, `"service-account-ci"`)
		status, _ = ask("Bearer " + token[:len(token)-4] + "AAAA")
		require.Equal(t, http.StatusUnauthorized, status)
	})
}

func TestNoSecretOfAnAccountIsPrintedUnlessAskedFor(t *testing.T) {
	deployed := runningStack(t)
	account, err := deployed.ServiceAccount(accountOfLabs)
	require.NoError(t, err)
	l := sharedLab(t)
	for _, verb := range [][]string{{"token", accountOfLabs}, {"credentials"}, {"preview"}} {
		got := l.must(t, verb[0], verb[1:]...)
		require.False(t, strings.Contains(got.stdout+got.stderr, account.Secret), "%q prints the secret", verb)
	}
	require.True(t, strings.Contains(l.must(t, "token", accountOfLabs, "--output", "env").stdout, account.Secret))
}

// worked is what the job reports.
type worked struct {
	Version       string
	Written, Read []int
	Note          string
	Seconds       float64
}

func TestAPythonJobRunsLongerThanItsTokens(t *testing.T) {
	nightly(t)
	onEveryStack(t, func(t *testing.T, at site) {
		h := keycloakEditor{t, at.deployed}
		client := h.client(accountOfLabs)
		back := h.sets(client, map[string]any{"attributes": map[string]any{"access.token.lifespan": fmt.Sprint(lifetime)}})
		defer back()
		before := logins(h)
		s := newScientist(t, at, outputs.User{}, "")
		packages := s.installs(t)

		input, err := json.Marshal(map[string]any{
			"environment": s.job(t), "authority": string(at.authority), "packages": packages,
			"experiment": fmt.Sprintf("by-machine-%d", time.Now().UnixNano()), "seconds": 3*lifetime + 2,
		})
		require.NoError(t, err)
		result, err := s.docker.Exec(t.Context(), s.container, []string{"python", "-c", machineScript}, engine.Stdin(bytes.NewReader(input)))
		require.NoError(t, err)
		require.NoError(t, result.Err())

		var got worked
		require.NoError(t, json.Unmarshal([]byte(result.Stdout), &got))
		require.Equal(t, "3.17.2", got.Version)
		require.Greater(t, got.Seconds, 3.0*lifetime)
		require.Equal(t, got.Written, got.Read, "a metric was lost")
		for _, steps := range got.Written {
			require.Greater(t, steps, 3)
		}
		require.Equal(t, "done", got.Note)
		tokens := logins(h) - before
		require.GreaterOrEqual(t, tokens, 4, "the job outlived three tokens")
		require.LessOrEqual(t, tokens, int(got.Seconds)/(lifetime/2)+1, "threads share one token")
		t.Logf("%.0f s of work with %d tokens of %d s each, %v steps", got.Seconds, tokens, lifetime, got.Written)
	})
}

// logins is the number of Keycloak's tokens for the account.
func logins(h keycloakEditor) int {
	return len(h.send(http.MethodGet, "/events?type=CLIENT_LOGIN&max=1000&client="+url.QueryEscape(accountOfLabs), nil).([]any))
}

// job is the tool's output for a job, as its environment.
func (s *scientist) job(t *testing.T) map[string]string {
	t.Helper()
	l := shared.lab
	if s.at.authority != nil {
		l = public.lab
	}
	variables := map[string]string{"HOME": "/tmp", "PYTHONIOENCODING": "utf-8"}
	for line := range strings.Lines(l.must(t, "token", accountOfLabs, "--output", "env").stdout) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			variables[name] = value
		}
	}
	require.Len(t, variables, 7)
	return variables
}
