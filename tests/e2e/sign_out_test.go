//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

// What an administrator ends in Keycloak ends in MLflow within the promised time, and nothing
// else does: see decision 29.
func TestWhatIsSignedOutInKeycloakEndsInMLflow(t *testing.T) {
	nightly(t)
	l, deployed := sharedLab(t), runningStack(t)
	visit := scenario.New(deployed, openEngine(t))
	require.NoError(t, visit.SetUp(t.Context()))
	t.Cleanup(func() { _, err := visit.TearDown(context.Background()); require.NoError(t, err) })
	client, err := admin.Open(t.Context(), deployed.Keycloak, 30*time.Second)
	require.NoError(t, err)
	realm := deployed.Realm.Name

	// The session and the personal token of each user, after the action.
	ways := map[string]struct {
		want []int
		act  func(*employee) error
	}{
		"signed-out": {[]int{401, 401}, func(e *employee) error { return client.LogoutAllSessions(t.Context(), client.Token, realm, e.ID) }},
		"new-password": {[]int{401, 200}, func(e *employee) error {
			return client.SetPassword(t.Context(), client.Token, e.ID, realm, "a new long password 1", false)
		}},
		"one-session": {[]int{401, 200}, func(e *employee) error {
			sessions, err := client.GetUserSessions(t.Context(), client.Token, realm, e.ID)
			if err != nil {
				return err
			}
			require.Len(t, sessions, 1)
			return client.Delete(t.Context(), realm, "/sessions/"+gocloak.PString(sessions[0].ID))
		}},
		"nothing": {[]int{200, 200}, func(*employee) error { return nil }},
	}
	users := map[string]*employee{}
	for name := range ways {
		users[name] = employ(t, deployed, visit, name)
	}
	// "not before" has whole seconds.
	time.Sleep(1100 * time.Millisecond)
	if client, err = admin.Open(t.Context(), deployed.Keycloak, 30*time.Second); err != nil {
		t.Fatal(err) // a token of the admin API lasts a minute
	}
	began, limit := time.Now(), syncstatus.Expired(deployed)+remembers
	for name, way := range ways {
		require.NoError(t, way.act(users[name]), name)
	}
	for name, way := range ways {
		require.Eventually(t, func() bool { return assert.ObjectsAreEqual(way.want, users[name].tries(t)[:2]) }, limit-time.Since(began)+time.Second, 200*time.Millisecond,
			"%s: want %v", name, way.want)
		t.Logf("%s: %v after %s; promised are %s", name, way.want, time.Since(began).Round(time.Second), limit)
	}
	time.Sleep(time.Until(began.Add(limit)))
	for name, way := range ways {
		require.Equal(t, way.want, users[name].tries(t)[:2], "%s, when the promised time is over", name)
	}
	require.NoError(t, visit.SignIn(t.Context(), users["signed-out"].Person), "a new login after it")
	time.Sleep(limit)
	require.Equal(t, 200, users["signed-out"].tries(t)[0], "a new login stays")

	client, err = admin.Open(t.Context(), deployed.Keycloak, 30*time.Second)
	require.NoError(t, err)
	began = time.Now()
	require.NoError(t, client.Post(t.Context(), realm, "/logout-all", nil))
	require.Eventually(t, func() bool { return assert.ObjectsAreEqual([]int{401, 401}, users["nothing"].tries(t)[:2]) }, limit, 200*time.Millisecond, "all users signed out")
	t.Logf("logout-all of the realm: %s; promised are %s", time.Since(began).Round(time.Second), limit)

	got, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.NotContains(t, got.stdout, "notBefore", "drift must not advise to undo it")
}
