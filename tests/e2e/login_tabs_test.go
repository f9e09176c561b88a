//go:build e2e

package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

// demoUser is the demo user in a group; the one without a group if it is empty.
func demoUser(t *testing.T, deployed outputs.Stack, group string) outputs.User {
	t.Helper()
	for _, user := range deployed.DemoUsers {
		if user.Group == group {
			return user
		}
	}
	t.Fatalf("no demo user in group %q", group)
	return outputs.User{}
}

// openForm starts a login and stops at Keycloak's form, like a waiting tab.
func openForm(t *testing.T, b *browser.Browser, deployed outputs.Stack) *browser.Form {
	t.Helper()
	page, err := b.Open(t.Context(), deployed.MLflow.URL+"/login")
	require.NoError(t, err)
	form := page.FormWith("username", "password")
	require.NotNil(t, form, "no login form at %s", browser.Bare(page.URL))
	return form
}

func submit(t *testing.T, b *browser.Browser, form *browser.Form, who outputs.User) *browser.Page {
	t.Helper()
	require.NoError(t, form.Set("username", who.Username))
	require.NoError(t, form.Set("password", who.Password))
	page, err := b.Submit(t.Context(), form)
	require.NoError(t, err)
	return page
}

// requireSignedIn requires that a login ended in MLflow, and that the session works.
func requireSignedIn(t *testing.T, b *browser.Browser, deployed outputs.Stack, page *browser.Page) {
	t.Helper()
	at, err := url.Parse(deployed.MLflow.URL)
	require.NoError(t, err)
	require.Equal(t, at.Host, page.URL.Host)
	require.NotContains(t, page.URL.String(), "error=")
	require.Equal(t, http.StatusOK, page.Status)
	me, err := b.Fetch(t.Context(), http.MethodGet, deployed.MLflow.URL+mePath, nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, me.Status)
}

// A browser restores its tabs, and each shows a login form: the user fills in any of them.
func TestEveryTabAtTheLoginFormLogsIn(t *testing.T) {
	deployed := runningStack(t)
	member := demoUser(t, deployed, deployed.Realm.UserGroup)
	b := browser.New()
	defer b.Close()
	first, second := openForm(t, b, deployed), openForm(t, b, deployed)
	requireSignedIn(t, b, deployed, submit(t, b, first, member))
	requireSignedIn(t, b, deployed, submit(t, b, second, member))

	// A browser keeps its latest five attempts: the login of the oldest tab restarts by itself.
	many := browser.New()
	defer many.Close()
	oldest := openForm(t, many, deployed)
	for range 5 {
		openForm(t, many, deployed)
	}
	page := submit(t, many, oldest, member)
	requireSignedIn(t, many, deployed, page)
	require.True(t, slices.ContainsFunc(page.Hops, func(h browser.Hop) bool { return h.URL.Path == "/login" }), "the control: the login started again")
}

// A user with a Keycloak account but without access to MLflow sees the next step.
func TestARefusedUserLearnsWhatIsMissing(t *testing.T) {
	deployed := runningStack(t)
	outsider := demoUser(t, deployed, "")
	b := browser.New()
	defer b.Close()
	page := submit(t, b, openForm(t, b, deployed), outsider)
	require.Equal(t, http.StatusForbidden, page.Status)
	for _, want := range []string{"User is not allowed to login", outsider.Email, deployed.Realm.UserGroup, deployed.Realm.AdminGroup, `href="/login/another-user"`} {
		require.Contains(t, string(page.Body), want)
	}
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'")

	// Keycloak asks whether to sign out, and the next login is another user's.
	page, err := b.Open(t.Context(), deployed.MLflow.URL+"/login/another-user")
	require.NoError(t, err)
	require.NotEmpty(t, page.Forms(), "no question at %s", browser.Bare(page.URL))
	_, err = b.Submit(t.Context(), page.Forms()[0])
	require.NoError(t, err)
	requireSignedIn(t, b, deployed, submit(t, b, openForm(t, b, deployed), demoUser(t, deployed, deployed.Realm.UserGroup)))
}
