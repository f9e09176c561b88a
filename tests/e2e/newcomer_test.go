//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Experiment 0 has no owner, so a link to it is a link to something that is not shared.
const notShared = "/#/experiments/0/runs"

func TestALoginEndsAtTheLinkAndAnUnsharedPageSaysSo(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member, who := at.visitor(t, "link"), at.member(t)
		member.open(at.deployed.MLflow.URL + notShared)
		member.sees(passwordForm)
		member.writes("#username", who.Username)
		member.writes("#password", who.Password)
		member.clicks("Sign In")
		member.sees("is not shared with you")
		member.picture("not shared")
		// MLflow's page adds the state of its list.
		require.Regexp(t, "^"+strings.TrimPrefix(notShared, "/")+"([?]|$)", evaluated[string](member, `location.hash`))
		member.logsOut(at)
	})
}

func TestAnOwnerKeepsTheirLastManage(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member, who := at.visitor(t, "owner"), at.member(t)
		member.logsIn(at, who)
		member.sees(welcome)
		name := fmt.Sprintf("last-manage-%d", time.Now().UnixNano())
		answer := evaluated[string](member, fmt.Sprintf(`(async () => {
			const api = "/ajax-api/2.0/mlflow/";
			const made = await (await fetch(api + "experiments/create", {method: "POST", headers: {"Content-Type": "application/json"},
				body: JSON.stringify({name: %q})})).json();
			const mine = api + "permissions/users/" + encodeURIComponent(%q) + "/experiments/" + made.experiment_id;
			const gone = await fetch(mine, {method: "DELETE"});
			return gone.status + " " + await gone.text();
		})()`, name, who.Email))
		require.Contains(t, answer, "409")
		require.Contains(t, answer, "Give MANAGE to another user first")
		member.deletesExperiment(name)
		member.logsOut(at)
	})
}

// What the server refuses is not on the page, and tokens and password are one click away.
func TestPagesOfferWhatWorksForTheUser(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member, who := at.visitor(t, "offered"), at.member(t)
		member.logsIn(at, who)
		member.sees(welcome, "Tokens", "Password and 2FA")
		member.doesNotSee("Start Demo", "MLflow Assistant")
		member.picture("home of a member")
		account := evaluated[string](member, `[...document.querySelectorAll("a")].find(a => a.textContent.trim() === "Password and 2FA").href`)
		require.Equal(t, at.deployed.Realm.Issuer+"/account", account)
		member.open(account)
		member.sees("Personal info")
		member.picture("account")
		member.open(at.deployed.MLflow.URL + "/#/settings/general")
		member.sees("Theme preference")
		member.doesNotSee("Clear all demo data", "Enable telemetry", "Webhooks", "LLM Connections")
		member.logsOut(at)

		admin := at.visitor(t, "offered admin")
		admin.logsIn(at, at.admin(t))
		admin.sees(welcome, "Start Demo")
		admin.doesNotSee("MLflow Assistant")
		admin.logsOut(at)
	})
}

// What MLflow's tutorials lead to: no experiment of one's own works, and the login name as user says what to do.
func TestTheFirstProgramOfTheStockClientWorksOrSaysWhatToDo(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member, who := at.visitor(t, "newcomer"), at.member(t)
		member.logsIn(at, who)
		s := newScientist(t, at, who, member.makesToken(fmt.Sprintf("newcomer-%d", time.Now().UnixNano())))
		member.logsOut(at)
		environment := s.given["environment"].(map[string]string)
		for _, one := range []struct{ user, want string }{
			{who.Email, "Default (" + strings.ToLower(who.Email) + ")"},
			{who.Username + "-login", "user name of a person is the e-mail address"},
		} {
			environment["MLFLOW_TRACKING_USERNAME"] = one.user
			said := s.firstProgram(t)
			require.Contains(t, said, one.want)
			require.NotContains(t, said, "INTERNAL_ERROR")
		}
	})
}

// firstProgram is the first of every tutorial; it returns the experiment that has the run, or what MLflow says against it.
func (s *scientist) firstProgram(t *testing.T) string {
	t.Helper()
	const program = `
import json, os, pathlib, sys
given = json.load(sys.stdin)
os.environ.update(given["environment"])
if given["authority"]:
    pathlib.Path("/tmp/authority.pem").write_text(given["authority"])
    os.environ["REQUESTS_CA_BUNDLE"] = "/tmp/authority.pem"
import mlflow
try:
    with mlflow.start_run() as run:
        mlflow.log_metric("a", 1)
    print(mlflow.get_experiment(run.info.experiment_id).name)
    assert len(mlflow.search_runs()) > 0
except mlflow.exceptions.MlflowException as refused:
    print(refused)
`
	input, err := json.Marshal(s.given)
	require.NoError(t, err)
	result, err := s.docker.Exec(t.Context(), s.container, []string{"python", "-c", program}, engine.Stdin(strings.NewReader(string(input))))
	require.NoError(t, err)
	require.NoError(t, result.Err())
	return result.Stdout
}

// evaluated is the result of a script in the page.
func evaluated[T any](p *person, script string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.tab, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err)
	return value
}
