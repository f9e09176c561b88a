//go:build chaos

package chaos

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/availability"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/runlog"
)

const (
	// patience is a user's timeout for one response.
	patience = 20 * time.Second
	// pause is a user's pause between two requests, or two runs.
	pause = 200 * time.Millisecond
	// api is MLflow's, me returns the caller.
	api = "/api/2.0/mlflow/"
	me  = api + "users/current"
)

// The kinds of users.
const (
	scripts  = "scripts"  // write runs, half of them with a personal token, half with one of Keycloak's
	sessions = "browsers" // use MLflow, logged in since before
	logins   = "logins"   // log in at Keycloak's form, with no cookie
)

var kinds = []string{scripts, sessions, logins}

// users use the stack until they are stopped.
type users struct {
	deployed   outputs.Stack
	experiment string
	way        browser.Option
	diaries    map[string]*availability.Diary
	many       map[string]int

	cancel context.CancelFunc
	all    sync.WaitGroup

	mutex sync.Mutex
	book  []runlog.Run
}

// startUsers creates the users and starts them.
func startUsers(t *testing.T, w *ward) *users {
	t.Helper()
	visit := scenario.New(w.deployed, w.docker, browser.Timeout(patience))
	require.NoError(t, visit.SetUp(t.Context()))
	u := &users{
		deployed: w.deployed, way: visit.Edge().ViaEdge,
		diaries: map[string]*availability.Diary{scripts: {}, sessions: {}, logins: {}}, many: map[string]int{scripts: 4, sessions: 1, logins: 1},
	}
	people := map[string]*scenario.Person{}
	for _, kind := range kinds {
		who, err := visit.Add(t.Context(), kind, w.deployed.Realm.UserGroup)
		require.NoError(t, err)
		require.NoError(t, visit.SignIn(t.Context(), who))
		people[kind] = who
	}
	bearer, err := visit.Token(t.Context(), people[scripts])
	require.NoError(t, err)
	personal := u.personalToken(t, people[scripts])
	clients := []*loadgen.Client{u.client("Bearer " + bearer), u.client(personal)}
	u.experiment, err = runlog.Experiment(t.Context(), clients[0], "written while something breaks")
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	u.cancel = cancel
	for i := range u.many[scripts] {
		u.all.Go(func() { u.write(ctx, i, clients[i%2]) })
	}
	u.again(ctx, sessions, people[sessions].Browser, u.look)
	secret := people[logins].Login()
	u.again(ctx, logins, nil, func(ctx context.Context, _ *browser.Browser) error { return u.logIn(ctx, secret) })
	t.Cleanup(func() {
		u.stop()
		if _, err := visit.TearDown(context.Background()); err != nil {
			t.Log("the people go with the stack:", err)
		}
	})
	return u
}

func (u *users) stop() { u.cancel(); u.all.Wait() }

// client keeps its connections open, as MLflow's own does.
func (u *users) client(authorization string) *loadgen.Client {
	return loadgen.Open(loadgen.Server{
		URL: u.deployed.MLflow.URL, Header: http.Header{"Authorization": {authorization}},
		Way: func(client *http.Client, transport *http.Transport) {
			u.way(client, transport)
			client.Timeout = patience
		},
	})
}

// personalToken is the header with a token that the user creates in the browser.
func (u *users) personalToken(t *testing.T, who *scenario.Person) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": "mine", "expiration": time.Now().UTC().Add(2 * time.Hour).Format(time.RFC3339)})
	require.NoError(t, err)
	got, err := who.Browser.Fetch(t.Context(), http.MethodPost, u.deployed.MLflow.URL+me+"/tokens", nil, body)
	require.NoError(t, err)
	var issued struct {
		Token string `json:"token"`
	}
	require.NoError(t, json.Unmarshal(got.Body, &issued), "%d", got.Status)
	require.NotEmpty(t, issued.Token)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(who.Email+":"+issued.Token))
}

// write writes runs in succession.
func (u *users) write(ctx context.Context, user int, client *loadgen.Client) {
	for n := 0; ctx.Err() == nil; n++ {
		run := runlog.Write(ctx, client, u.experiment, fmt.Sprintf("%d-%d", user, n), func(began time.Time, err error) {
			if ctx.Err() == nil {
				u.diaries[scripts].Note(user, began, time.Now(), failure(err))
			}
		})
		if ctx.Err() != nil && !run.Whole() {
			return // the end of the test, which is not a failure
		}
		u.mutex.Lock()
		u.book = append(u.book, run)
		u.mutex.Unlock()
		wait(ctx)
	}
}

// written are the runs that their writers have completed.
func (u *users) written() []runlog.Run {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return slices.Clone(u.book)
}

// again makes one user of a kind repeat an action.
func (u *users) again(ctx context.Context, kind string, b *browser.Browser, do func(context.Context, *browser.Browser) error) {
	u.all.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			err := do(ctx, b)
			if ctx.Err() == nil {
				u.diaries[kind].Note(0, began, time.Now(), failure(err))
			}
			wait(ctx)
		}
	})
}

func wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// look opens the page, and requests the list of experiments as its script does.
func (u *users) look(ctx context.Context, b *browser.Browser) error {
	got, err := b.Open(ctx, u.deployed.MLflow.URL+"/")
	if err != nil {
		return err
	}
	if got.Status != http.StatusOK || !strings.HasPrefix(browser.Bare(got.URL), u.deployed.MLflow.URL) {
		return another(u.site(got), got)
	}
	return u.search(ctx, b)
}

func (u *users) search(ctx context.Context, b *browser.Browser) error {
	got, err := b.Fetch(ctx, http.MethodPost, u.deployed.MLflow.URL+"/ajax-api/2.0/mlflow/experiments/search", nil, []byte(`{"max_results": 5}`))
	if err != nil {
		return err
	}
	var answer struct {
		Experiments []struct{} `json:"experiments"`
	}
	if got.Status != http.StatusOK {
		return another("MLflow", got)
	}
	return got.JSON(&answer)
}

// logIn is a login from the first click to the list of experiments.
func (u *users) logIn(ctx context.Context, who outputs.Login) error {
	b := browser.New(u.way, browser.Timeout(patience))
	defer b.Close()
	got, err := b.Open(ctx, u.deployed.MLflow.URL+"/login")
	if err != nil {
		return err
	}
	form := got.FormWith("username", "password")
	if form == nil {
		return another(u.site(got), got)
	}
	if err := form.Set("username", who.Username); err != nil {
		return err
	}
	if err := form.Set("password", who.Password); err != nil {
		return err
	}
	if got, err = b.Submit(ctx, form); err != nil {
		return err
	}
	if said := got.URL.Query().Get("error"); said != "" {
		return sight("MLflow: " + plain(said))
	}
	if got.Status != http.StatusOK || !strings.HasPrefix(browser.Bare(got.URL), u.deployed.MLflow.URL) {
		return another(u.site(got), got)
	}
	return u.search(ctx, b)
}

// site returns the owner of a page.
func (u *users) site(got *browser.Page) string {
	if strings.HasPrefix(browser.Bare(got.URL), u.deployed.MLflow.URL) {
		return "MLflow"
	}
	return "Keycloak"
}
