//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// The page shows a user their own experiments only, and an administrator all.
func TestAMemberSeesTheirOwnExperimentsAndAnAdministratorAll(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		name := fmt.Sprintf("manual-%d", time.Now().UnixNano())
		member := at.visitor(t, "member")
		member.logsIn(at, at.member(t))
		member.sees(welcome, "Mel Member", "Permissions", "Logout")
		member.picture("home")
		member.clicks("Experiments")
		// The button of an empty list, and of one with the member's default experiment.
		member.clicks("Create experiment", "Create")
		member.writes("#experimentName", name)
		member.picture("new experiment")
		member.clicks("Create")
		member.sees(name)
		member.picture("own experiment")
		member.open(at.deployed.MLflow.URL + "/#/experiments")
		member.sees("Experiments", name)
		// An experiment of their own may be called "Default (…)".
		require.False(t, evaluated[bool](member, `[...document.querySelectorAll("a")].some(a => a.textContent.trim() === "Default")`))
		member.picture("experiments")
		member.logsOut(at)

		admin := at.visitor(t, "admin")
		admin.logsIn(at, at.admin(t))
		admin.sees(welcome, "Ada Admin", "Permissions", "Logout")
		admin.picture("home")
		admin.clicks("Experiments")
		admin.sees("Default", name)
		admin.picture("experiments")
		admin.deletesExperiment(name)
		admin.logsOut(at)
	})
}

// deletesExperiment is the page's own call.
func (p *person) deletesExperiment(name string) {
	p.t.Helper()
	script := fmt.Sprintf(`(async () => {
		const api = "/ajax-api/2.0/mlflow/experiments/";
		const found = await (await fetch(api + "get-by-name?experiment_name=%s")).json();
		const gone = await fetch(api + "delete", {method: "POST", headers: {"Content-Type": "application/json"},
			body: JSON.stringify({experiment_id: found.experiment.experiment_id})});
		return gone.status;
	})()`, name)
	status, err := chromedp.Run(p.tab, chromedp.Evaluate[int](script, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err)
	require.Equal(p.t, 200, status)
}

func TestAnOutsiderReadsARefusalAndNothingOfMLflow(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		outsider := at.visitor(t, "outsider")
		outsider.logsIn(at, at.outsider(t))
		outsider.sees(refusal)
		outsider.picture("refused")
		for _, again := range []string{"/", "/#/experiments"} {
			outsider.open(at.deployed.MLflow.URL + again)
			outsider.sees(refusal)
			outsider.doesNotSee("Experiments", "Permissions", "Logout")
		}
		outsider.picture("refused again")
		outsider.open(at.deployed.MLflow.URL + "/oidc/ui/user")
		outsider.sees(refusal) // a page of the plugin redirects to the login, which is refused again
		outsider.doesNotSee("User Page")
		// Keycloak has a session and would not ask again: so they log out there.
		outsider.open(at.deployed.Realm.Issuer + "/protocol/openid-connect/logout?client_id=" + at.deployed.Realm.ClientID)
		outsider.sees("Do you want to log out?")
		outsider.picture("leaves Keycloak")
		outsider.clicks("Logout")
		outsider.sees("You are logged out")
	})
}

func TestAWrongPasswordIsShownInTheFormAndLeadsNowhere(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		other := at.visitor(t, "other")
		who := at.member(t)
		who.Password = "not-the-password"
		other.logsIn(at, who)
		other.sees("Invalid username or password.", passwordForm)
		other.picture("wrong password")
		other.open(at.deployed.MLflow.URL)
		other.sees(passwordForm)
	})
}

// A copy of the session's cookie, in another browser, is the control: it opens MLflow until its
// owner logs out.
func TestALogoutEndsTheSessionAndCopiesOfItsCookie(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member, thief := at.visitor(t, "leaver"), at.visitor(t, "thief")
		member.logsIn(at, at.member(t))
		member.sees(welcome)
		for _, c := range member.cookies(at.deployed.MLflow.URL) {
			thief.takes(at.deployed.MLflow.URL, c)
		}
		thief.open(at.deployed.MLflow.URL)
		thief.sees(welcome, "Mel Member")
		thief.picture("with a stolen cookie")

		member.logsOut(at)
		member.picture("logged out")

		for _, p := range []*person{member, thief} {
			p.open(at.deployed.MLflow.URL)
			p.sees(passwordForm)
			p.doesNotSee("Mel Member")
			p.picture("asked for the password again")
		}
	})
}

// Without an edge, Chromium shows its cached copy of the previous page; any action there leads to
// the password.
func TestGoingBackAfterTheLogoutAsksForThePassword(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member := at.visitor(t, "goes-back")
		member.logsIn(at, at.member(t))
		member.sees(welcome)
		member.logsOut(at)

		member.goesBack()
		member.picture("back")
		if !at.deployed.Edge.Exists() {
			member.clicks("Experiments")
		}
		member.sees(passwordForm)
		member.doesNotSee("Mel Member")
		member.picture("asked for the password")
	})
}

// goesBack presses the back button. A page from the cache does not report that it has loaded.
func (p *person) goesBack() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, 5*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.NavigateBack()); err != nil {
		require.ErrorIs(p.t, err, context.DeadlineExceeded)
	}
}
