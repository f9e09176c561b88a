//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

// probe polls and adds up the time without a successful response.
type probe struct {
	ask     func(context.Context) bool
	stop    chan struct{}
	stopped chan time.Duration
}

func (p *probe) start(t *testing.T) {
	t.Helper()
	p.stop, p.stopped = make(chan struct{}), make(chan time.Duration)
	go func() {
		var away time.Duration
		last := time.Now()
		for {
			select {
			case <-p.stop:
				p.stopped <- away
				return
			case <-time.After(200 * time.Millisecond):
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if !p.ask(ctx) {
				away += time.Since(last)
			}
			cancel()
			last = time.Now()
		}
	}()
}

func (p *probe) end() time.Duration {
	close(p.stop)
	return <-p.stopped
}

// secondsRow is the result of rotating one credential.
func secondsRow(name string, took, token, session, logins time.Duration, ends bool) string {
	whole := func(d time.Duration) string {
		if d < 500*time.Millisecond {
			return "0"
		}
		return fmt.Sprintf("%.0f", d.Seconds())
	}
	over := whole(session)
	if ends {
		over = "ends"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", name, whole(token), over, whole(logins), whole(took))
}

const everything = "all, with a new root secret"

// The page contains the downtime of each credential. -update measures it, one credential after
// the other on a separate stack: that takes a quarter of an hour, and a figure never fails a
// test.
func TestThePageHasTheSecondsOfEachCredential(t *testing.T) {
	labels := append(credentials.Labels(), credentials.ServiceAccount("ci"))
	// The measured stack has no webhooks, and no client waits for this key with them.
	labels = slices.DeleteFunc(labels, func(l credentials.Label) bool { return l == credentials.MLflowWebhooks })
	if !*update {
		raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "how-to", "rotate-credentials.md"))
		require.NoError(t, err)
		_, table, _ := strings.Cut(string(raw), "<!-- seconds:")
		for _, label := range labels {
			require.Contains(t, table, "| `"+string(label)+"` |", "measure it: run with -update")
		}
		return
	}
	l, _ := keepingLab(t)
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	visit := scenario.New(deployed, openEngine(t))
	require.NoError(t, visit.SetUp(t.Context()))
	who := employ(t, deployed, visit, "stays")
	other, err := visit.Add(t.Context(), "logs-in", deployed.Realm.UserGroup)
	require.NoError(t, err)

	token := func(ctx context.Context) bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, deployed.MLflow.URL+mePath, nil)
		if err != nil {
			return false
		}
		r.Header.Set("Authorization", who.basic)
		answer, err := who.client.Do(r)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}
	session := func(ctx context.Context) bool {
		page, err := who.Browser.Fetch(ctx, http.MethodGet, deployed.MLflow.URL+mePath, nil, nil)
		return err == nil && page.Status == http.StatusOK
	}
	logins := func(ctx context.Context) bool {
		in, err := visit.CanLogIn(ctx, other)
		return err == nil && in
	}
	generations, root := map[credentials.Label]int{}, 1
	var rows strings.Builder
	rows.WriteString("| credential | failed requests with a token, s | with a session, s | failed logins, s | duration of the update, s |\n|---|---|---|---|---|\n")
	for _, label := range append(slices.Clone(labels), everything) {
		name := "`" + string(label) + "`"
		if label == everything {
			root, name = 2, everything
		} else {
			generations[label] = 2
		}
		require.True(t, session(t.Context()) || visit.SignIn(t.Context(), who.Person) == nil)
		setting, err := json.Marshal(map[string]any{"generations": generations, "root": root})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(l.file, fmt.Appendf(slices.Clone(text), "  mlflow-sso:credentials: %s\n", setting), 0o600))
		probes := []*probe{{ask: token}, {ask: session}, {ask: logins}}
		for _, p := range probes {
			p.start(t)
		}
		began := time.Now()
		l.must(t, "up", "--no-verify")
		took := time.Since(began)
		require.Eventually(t, func() bool { return token(t.Context()) && logins(t.Context()) }, time.Minute, 500*time.Millisecond)
		var away []time.Duration
		for _, p := range probes {
			away = append(away, p.end())
		}
		row := secondsRow(name, took, away[0], away[1], away[2], !session(t.Context()))
		t.Log(strings.TrimSpace(row))
		rows.WriteString(row)
	}
	fmt.Fprintf(&rows, "\nMeasured with %d CPUs on a separate stack; a login was tried about every second.\n", runtime.NumCPU())
	goldenTable(t, filepath.Join(l.root, "docs", "how-to", "rotate-credentials.md"), "seconds", rows.String())
}
