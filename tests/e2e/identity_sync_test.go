//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

// mePath returns the caller; usersPath is an administrator's.
const (
	mePath    = "/api/2.0/mlflow/users/current"
	usersPath = "/api/2.0/mlflow/users/details"
)

// remembers is how long MLflow's processes cache active users, plus a margin for a slow machine.
const remembers = 10 * time.Second

// employee is a user with every kind of credential: a session, a personal token, an access token
// of Keycloak.
type employee struct {
	*scenario.Person
	deployed outputs.Stack
	client   *http.Client
	basic    string
	bearer   string
}

// employ creates one in the group of users.
func employ(t *testing.T, deployed outputs.Stack, visit *scenario.Scenario, role string) *employee {
	t.Helper()
	who, err := visit.Add(t.Context(), role, deployed.Realm.UserGroup)
	require.NoError(t, err)
	require.NoError(t, visit.SignIn(t.Context(), who))
	body, err := json.Marshal(map[string]string{"name": "mine", "expiration": time.Now().UTC().Add(time.Hour).Format(time.RFC3339)})
	require.NoError(t, err)
	page, err := who.Browser.Fetch(t.Context(), http.MethodPost, deployed.MLflow.URL+mePath+"/tokens", nil, body)
	require.NoError(t, err)
	var issued struct {
		Token string `json:"token"`
	}
	require.NoError(t, json.Unmarshal(page.Body, &issued), "%d", page.Status)
	require.NotEmpty(t, issued.Token)
	bearer, err := visit.Token(t.Context(), who)
	require.NoError(t, err)
	way, err := edgeclient.Open(t.Context(), deployed, openEngine(t))
	require.NoError(t, err)
	e := &employee{
		Person: who, deployed: deployed, client: way.HTTP(), bearer: "Bearer " + bearer,
		basic: "Basic " + base64.StdEncoding.EncodeToString([]byte(who.Email+":"+issued.Token)),
	}
	require.Equal(t, []int{200, 200, 200}, e.tries(t), "session, personal token and access token of a user who is there")
	return e
}

// tries returns the status of the session, the personal token and the access token.
func (e *employee) tries(t *testing.T) []int {
	t.Helper()
	page, err := e.Browser.Fetch(t.Context(), http.MethodGet, e.deployed.MLflow.URL+mePath, nil, nil)
	require.NoError(t, err)
	return []int{page.Status, status(t, e.client, e.deployed.MLflow.URL+mePath, e.basic), status(t, e.client, e.deployed.MLflow.URL+mePath, e.bearer)}
}

func status(t *testing.T, client *http.Client, address, authorization string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", authorization)
	answer, err := client.Do(r)
	require.NoError(t, err)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// However a user loses access, all their credentials end within the promised time, and a user who
// returns has only the account.
func TestARemovedKeycloakUserLosesSessionsAndTokensInTime(t *testing.T) {
	deployed := runningStack(t)
	docker := openEngine(t)
	visit := scenario.New(deployed, docker)
	require.NoError(t, visit.SetUp(t.Context()))
	t.Cleanup(func() { _, err := visit.TearDown(context.Background()); require.NoError(t, err) })
	ways := map[string]func(*gocloak.GoCloak, string, *employee) error{
		"disabled": func(api *gocloak.GoCloak, token string, e *employee) error { return enable(t, api, token, e, false) },
		"without a group": func(api *gocloak.GoCloak, token string, e *employee) error {
			return inGroup(t, api, token, e, deployed.Realm.UserGroup, false)
		},
		"deleted": func(api *gocloak.GoCloak, token string, e *employee) error {
			return api.DeleteUser(t.Context(), token, deployed.Realm.Name, e.ID)
		},
	}
	gone := map[string]*employee{}
	for name := range ways {
		gone[name] = employ(t, deployed, visit, strings.ReplaceAll(name, " ", "-"))
	}
	stays := employ(t, deployed, visit, "stays")
	promoted := employ(t, deployed, visit, "promoted")
	require.Equal(t, 403, promoted.asks(t, usersPath))

	api, token := keycloakAdmin(t, deployed)
	began := time.Now()
	for name, leave := range ways {
		require.NoError(t, leave(api, token, gone[name]), name)
	}
	require.NoError(t, inGroup(t, api, token, promoted, deployed.Realm.AdminGroup, true))

	limit := syncstatus.Expired(deployed) + remembers
	for name, e := range gone {
		require.Eventually(t, func() bool { return assert.ObjectsAreEqual([]int{401, 401, 401}, e.tries(t)) }, limit-time.Since(began).Truncate(time.Second)+time.Second, 200*time.Millisecond,
			"%s: %v after %s", name, e.tries(t), time.Since(began))
		t.Logf("%s: session, personal token and access token ended within %s; promised are %s", name, time.Since(began).Round(time.Second), limit)
	}
	require.Eventually(t, func() bool { return promoted.asks(t, usersPath) == 200 }, limit, 200*time.Millisecond, "an administrator without a new login")
	require.Equal(t, []int{200, 200, 200}, stays.tries(t), "a user who did nothing")

	// After a return, once no process of MLflow has the user in its cache: the account is active
	// again, and previous tokens stay revoked.
	back := gone["disabled"]
	quiet := time.Now()
	require.Eventually(t, func() bool {
		if !assert.ObjectsAreEqual([]int{401, 401, 401}, back.tries(t)) {
			quiet = time.Now()
		}
		return time.Since(quiet) > 3*time.Second
	}, time.Minute, 200*time.Millisecond)
	require.NoError(t, enable(t, api, token, back, true))
	require.Eventually(t, func() bool { return back.tries(t)[2] == 200 }, limit, 200*time.Millisecond, "an access token that Keycloak signed for them")
	require.Equal(t, []int{401, 401, 200}, back.tries(t))
	require.NoError(t, visit.SignIn(t.Context(), back.Person))
	require.Equal(t, 200, back.tries(t)[0])
}

// asks is the session's status at another path.
func (e *employee) asks(t *testing.T, path string) int {
	t.Helper()
	page, err := e.Browser.Fetch(t.Context(), http.MethodGet, e.deployed.MLflow.URL+path, nil, nil)
	require.NoError(t, err)
	return page.Status
}

func enable(t *testing.T, api *gocloak.GoCloak, token string, e *employee, ok bool) error {
	t.Helper()
	user, err := api.GetUserByID(t.Context(), token, e.deployed.Realm.Name, e.ID)
	require.NoError(t, err)
	user.Enabled = &ok
	return api.UpdateUser(t.Context(), token, e.deployed.Realm.Name, *user)
}

func inGroup(t *testing.T, api *gocloak.GoCloak, token string, e *employee, name string, ok bool) error {
	t.Helper()
	group, err := api.GetGroupByPath(t.Context(), token, e.deployed.Realm.Name, name)
	require.NoError(t, err)
	if ok {
		return api.AddUserToGroup(t.Context(), token, e.deployed.Realm.Name, e.ID, *group.ID)
	}
	return api.DeleteUserFromGroup(t.Context(), token, e.deployed.Realm.Name, e.ID, *group.ID)
}

// A Keycloak that is down says nothing about any user.
func TestWhileKeycloakIsDownNoUserLosesAccessAndBreakGlassGrantsAccess(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	docker := openEngine(t)
	visit := scenario.New(deployed, docker)
	require.NoError(t, visit.SetUp(t.Context()))
	who := employ(t, deployed, visit, "stays")
	require.NoError(t, docker.API().ContainerStop(t.Context(), deployed.Keycloak.Container, container.StopOptions{}))
	stopped := time.Now()

	operatorGetsIn(t, l, deployed, docker)

	// Longer than identity sync needs to notice that Keycloak is down.
	for time.Since(stopped) < syncstatus.Expired(deployed)+5*time.Second {
		require.Equal(t, []int{200, 200, 200}, who.tries(t))
		time.Sleep(time.Second)
	}
	jobs, err := syncstatus.Jobs(t.Context(), deployed, docker)
	require.NoError(t, err)
	require.NotEmpty(t, jobs[syncstatus.Follow].Error, "identity sync says that it cannot ask")
	require.Regexp(t, allPassed, l.must(t, "up").stdout)
	require.Equal(t, []int{200, 200, 200}, who.tries(t))
}

// inAuth queries the plugin's database.
func inAuth(t *testing.T, deployed outputs.Stack, docker *engine.Engine, query string) string {
	t.Helper()
	return inDatabase(t, deployed, docker, "mlflow_auth", query)
}

// inDatabase queries a database of the stack, as its superuser.
func inDatabase(t *testing.T, deployed outputs.Stack, docker *engine.Engine, database, query string) string {
	t.Helper()
	got, err := docker.Exec(t.Context(), deployed.Postgres.Container, []string{
		"psql", "--no-psqlrc", "--host=/tmp/postgresql", "--username=postgres", "--dbname=" + database, "--tuples-only", "--no-align", "--command=" + query,
	})
	require.NoError(t, err)
	require.NoError(t, got.Err())
	return strings.TrimSpace(got.Stdout)
}

// Rows that the plugin would keep permanently are removed, and rows in use are not.
func TestWhatIsOverIsRemovedAndWhatIsNotStays(t *testing.T) {
	nightly(t)
	deployed := runningStack(t)
	docker := openEngine(t)
	way, err := edgeclient.Open(t.Context(), deployed, docker)
	require.NoError(t, err)
	for range 5 {
		answer, err := way.HTTP().Get(deployed.MLflow.URL + "/login")
		require.NoError(t, err)
		_ = answer.Body.Close()
	}
	const live = "SELECT count(*) FROM auth_state WHERE expires_at > now() AT TIME ZONE 'utc'"
	before, err := strconv.Atoi(inAuth(t, deployed, docker, live))
	require.NoError(t, err)
	require.GreaterOrEqual(t, before, 5, "each /login leaves a row")
	inAuth(t, deployed, docker, "UPDATE auth_state SET expires_at = now() AT TIME ZONE 'utc' - interval '1 second' WHERE id IN (SELECT id FROM auth_state ORDER BY id DESC LIMIT 4)")
	inAuth(t, deployed, docker, "DELETE FROM mlflow_sso_jobs WHERE job = 'prune'")

	// A restart runs every job at once.
	require.NoError(t, docker.API().ContainerRestart(t.Context(), deployed.IdentitySync.Container, container.StopOptions{}))
	require.Eventually(t, func() bool {
		jobs, err := syncstatus.Jobs(t.Context(), deployed, docker)
		return err == nil && jobs[syncstatus.Prune].Succeeded != nil
	}, time.Minute, time.Second)
	require.Equal(t, "0", inAuth(t, deployed, docker, "SELECT count(*) FROM auth_state WHERE expires_at < now() AT TIME ZONE 'utc' - interval '1 minute'"))
	require.Equal(t, strconv.Itoa(before-4), inAuth(t, deployed, docker, live), "logins that are under way")
	require.Eventually(t, func() bool { return ready(t.Context(), docker, deployed.IdentitySync.Container) }, time.Minute, time.Second)
}
