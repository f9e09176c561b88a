//go:build e2e

package e2e

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

//go:embed testdata/access.py
var accessScript string

const twoAccounts = `  mlflow-sso:serviceAccounts:
    - {name: ci, groups: [mlflow-users]}
    - {name: reader, groups: [mlflow-users]}
`

// The same rules are in docs/how-to/manage-access.md, with their results.
const accessRules = `  mlflow-sso:access:
    - group: mlflow-users
      experiments: {"fraud-*": READ}
      models: {"fraud-*": READ}
      future: true
    - user: demo-member@example.com
      experiments: {"fraud-*": EDIT}
      future: true
    - serviceAccount: ci
      experiments: {"fraud-*": EDIT, "*": READ}
      models: {"fraud-*": EDIT}
      future: true
    - serviceAccount: reader
      experiments: {"*": READ}
      future: true
`

// acts are in the order of the table.
var acts = []string{
	"read fraud-1", "log to fraud-1", "remove fraud-1", "read sales-1", "log to sales-1", "remove sales-1", "read model fraud-m", "describe model fraud-m",
}

// parties are the users, in the order of the table.
var parties = []string{"demo-admin", "demo-member", "guest", "ci", "reader"}

// tokensOf are current tokens of all users.
func tokensOf(t *testing.T, l *lab, deployed outputs.Stack, visit *scenario.Scenario, people map[string]*scenario.Person) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, who := range people {
		token, err := visit.Token(t.Context(), who)
		require.NoError(t, err)
		all[name] = token
	}
	for _, account := range deployed.ServiceAccounts {
		all[account.Name] = strings.TrimSpace(l.must(t, "token", account.Name).stdout)
	}
	require.Len(t, all, len(parties))
	return all
}

// tried is what each user may do.
func tried(t *testing.T, docker *engine.Engine, deployed outputs.Stack, tokens map[string]string) map[string]map[string]bool {
	t.Helper()
	input, err := json.Marshal(map[string]any{"owner": tokens["demo-admin"], "tokens": tokens})
	require.NoError(t, err)
	ran, err := docker.Exec(t.Context(), deployed.MLflow.Container, []string{"python", "-c", accessScript}, engine.Stdin(strings.NewReader(string(input))))
	require.NoError(t, err)
	require.NoError(t, ran.Err())
	var done map[string]map[string]bool
	require.NoError(t, json.Unmarshal([]byte(ran.Stdout), &done))
	return done
}

func accessTable(done map[string]map[string]bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(acts, " | "), strings.Repeat("---|", len(acts)))
	for _, who := range parties {
		fmt.Fprintf(&b, "| %s |", who)
		for _, act := range acts {
			word := "–"
			if done[who][act] {
				word = "yes"
			}
			fmt.Fprintf(&b, " %s |", word)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The stack file determines exactly what each user may do; a manual change is detected and
// reverted; a removed rule is revoked.
func TestEveryUserMayDoExactlyWhatTheStackFileGrants(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	write := func(rules string) {
		require.NoError(t, os.WriteFile(l.file, fmt.Appendf(nil, "%s%s%s", text, twoAccounts, rules), 0o600))
	}
	write(accessRules)
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	docker := openEngine(t)
	visit := scenario.New(deployed, docker)
	require.NoError(t, visit.SetUp(t.Context()))
	people := map[string]*scenario.Person{}
	for _, user := range deployed.DemoUsers[:2] {
		people[user.Username] = scenario.DemoUser(user)
	}
	guest, err := visit.Add(t.Context(), "guest", deployed.Realm.UserGroup)
	require.NoError(t, err)
	people["guest"] = guest
	for _, who := range people {
		require.NoError(t, visit.SignIn(t.Context(), who))
	}
	tokens := tokensOf(t, l, deployed, visit, people)
	goldenTable(t, filepath.Join(l.root, "docs", "how-to", "manage-access.md"), "access", accessTable(tried(t, docker, deployed, tokens)))

	shown := l.must(t, "access", "--output", "json").stdout
	require.NotContains(t, shown, `"declared": false`)
	require.Contains(t, shown, "service-account-reader")
	require.Contains(t, l.must(t, "access").stdout, "fraud-*")

	// A manual change, as in MLflow's own page: detected, reported as a sentence, reverted.
	inAuth(t, deployed, docker, "UPDATE experiment_regex_permissions SET permission = 'MANAGE' WHERE permission = 'EDIT' AND user_id = (SELECT id FROM users WHERE username = 'demo-member@example.com')")
	drift, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 3, drift.code, drift.stderr)
	require.Contains(t, drift.stdout+drift.stderr, "demo-member@example.com has EDIT, not MANAGE, on experiments fraud-*")
	require.Contains(t, l.must(t, "access", "--output", "json").stdout, `"declared": false`)
	l.must(t, "up", "--refresh", "--no-verify")
	require.NotContains(t, l.must(t, "access", "--output", "json").stdout, `"declared": false`)

	// A typing error is refused before anything changes; a deletion is reported.
	write(accessRules + "    - serviceAccount: reader\n      experiments: {\"frued-1\": EDIT}\n")
	refusal, err := l.run(t.Context(), "preview")
	require.NoError(t, err)
	require.NotZero(t, refusal.code)
	require.Contains(t, refusal.stderr+refusal.stdout, "frued-1")
	fewer := strings.Replace(accessRules, `{"fraud-*": EDIT, "*": READ}`, `{"*": READ}`, 1)
	write(fewer)
	require.Contains(t, l.must(t, "preview").stdout, "service-account-ci loses EDIT on experiments fraud-*")
	// In an update that recreates MLflow as well.
	text = []byte(strings.Replace(string(text), "mlflow-sso:mlflow:\n", "mlflow-sso:mlflow:\n    memoryMB: 2100\n", 1))
	write(fewer)
	l.must(t, "up", "--no-verify")
	require.Eventually(t, func() bool {
		done := tried(t, docker, deployed, tokensOf(t, l, deployed, visit, people))
		return !done["ci"]["log to fraud-1"] && done["ci"]["read fraud-1"]
	}, 3*time.Minute, time.Second, "what was taken away is refused, once it is remembered no more")
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
}
