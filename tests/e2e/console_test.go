//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

// opened is a running console command, and its temporary administrator.
type opened struct {
	command            *exec.Cmd
	username, password string
	stdout, stderr     *written
}

// written is a program's output so far.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// console starts the command and waits for its access.
func (l *lab) console(t *testing.T, length string) *opened {
	t.Helper()
	o := &opened{stdout: &written{}, stderr: &written{}}
	o.command = l.command(context.Background(), "console", "--duration", length)
	o.command.Stdout, o.command.Stderr = o.stdout, o.stderr
	require.NoError(t, o.command.Start())
	t.Cleanup(func() {
		if o.command.ProcessState == nil {
			_ = o.command.Process.Signal(syscall.SIGTERM)
			_ = o.command.Wait()
		}
	})
	shown := regexp.MustCompile(`(?s)User name +(\S+)\nPassword +(\S+)\n`)
	require.Eventually(t, func() bool { return shown.MatchString(o.stdout.String()) }, time.Minute, 100*time.Millisecond,
		"no access was granted: %s", o.stderr)
	found := shown.FindStringSubmatch(o.stdout.String())
	o.username, o.password = found[1], found[2]
	return o
}

// ends returns the exit code after a signal has ended the command.
func (o *opened) ends(t *testing.T, signal syscall.Signal) int {
	t.Helper()
	require.NoError(t, o.command.Process.Signal(signal))
	_ = o.command.Wait()
	return o.command.ProcessState.ExitCode()
}

// adminLogin logs in at realm master by name and password, as Keycloak's own
// command line does; the token is empty when Keycloak refuses.
func adminLogin(t *testing.T, deployed outputs.Stack, username, password string) string {
	t.Helper()
	got, err := gocloak.NewClient(deployed.Keycloak.AdminURL).Login(t.Context(), "admin-cli", "", "master", username, password)
	if err != nil {
		require.ErrorContains(t, err, "Invalid user credentials")
		return ""
	}
	return got.AccessToken
}

// mayAdminister calls the admin API with a token.
func mayAdminister(t *testing.T, deployed outputs.Stack, token string) error {
	t.Helper()
	_, err := gocloak.NewClient(deployed.Keycloak.AdminURL).GetUsers(t.Context(), token, deployed.Realm.Name, gocloak.GetUsersParams{})
	return err
}

// administrators are the users in realm master.
func administrators(t *testing.T, deployed outputs.Stack) []string {
	t.Helper()
	client, token := keycloakAdmin(t, deployed)
	users, err := client.GetUsers(t.Context(), token, "master", gocloak.GetUsersParams{})
	require.NoError(t, err)
	names := []string{}
	for _, user := range users {
		names = append(names, gocloak.PString(user.Username))
	}
	return names
}

// consoleForm logs in at the form for the admin console.
func consoleForm(t *testing.T, deployed outputs.Stack, username, password string) *browser.Page {
	t.Helper()
	b := browser.New()
	t.Cleanup(b.Close)
	console := deployed.Keycloak.AdminURL + "/admin/"
	page, err := b.Open(t.Context(), console)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status)
	// The first requests of the console's script, with the addresses in its page.
	server := regexp.MustCompile(`"authServerUrl": "([^"]+)"`).FindSubmatch(page.Body)
	require.NotNil(t, server, "no address in %s", browser.Bare(page.URL))
	page, err = b.Open(t.Context(), string(server[1])+"/realms/master/protocol/openid-connect/auth?"+url.Values{
		"client_id": {"security-admin-console"}, "redirect_uri": {browser.Bare(page.URL)}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("a", 43)},
	}.Encode())
	require.NoError(t, err)
	form := page.FormWith("username", "password")
	require.NotNil(t, form, "%d at %s", page.Status, browser.Bare(page.URL))
	require.NoError(t, form.Set("username", username))
	require.NoError(t, form.Set("password", password))
	page, err = b.Submit(t.Context(), form)
	require.NoError(t, err)
	return page
}

// onEveryLab runs a test on each kind of stack, as its operator.
func onEveryLab(t *testing.T, test func(t *testing.T, l *lab, deployed outputs.Stack)) {
	t.Helper()
	inLane(t, sharedLane)
	t.Run("dev", func(t *testing.T) { test(t, sharedLab(t), runningStack(t)) })
	t.Run("prod", func(t *testing.T) {
		l := public.up(t)
		test(t, l, public.deployed)
	})
}

func TestTheConsoleGrantsAccessOnlyWhileTheCommandRuns(t *testing.T) {
	onEveryLab(t, personIsInTheConsole)
}

func personIsInTheConsole(t *testing.T, l *lab, deployed outputs.Stack) {
	before := administrators(t, deployed)
	o := l.console(t, "10m")

	token := adminLogin(t, deployed, o.username, o.password)
	require.NotEmpty(t, token, "the password that was shown is refused")
	require.NoError(t, mayAdminister(t, deployed, token))
	page := consoleForm(t, deployed, o.username, o.password)
	require.NotNil(t, page.Through(func(u *url.URL) bool {
		return strings.HasSuffix(u.Path, "/admin/master/console/") && u.Query().Has("code")
	}), "%d at %s", page.Status, browser.Bare(page.URL))
	require.Contains(t, administrators(t, deployed), o.username)

	require.Zero(t, o.ends(t, syscall.SIGINT), o.stderr)

	require.Equal(t, before, administrators(t, deployed))
	require.Empty(t, adminLogin(t, deployed, o.username, o.password), "the password is still good")
	require.Error(t, mayAdminister(t, deployed, token), "a previous token is still valid")
	require.Equal(t, 1, strings.Count(o.stdout.String(), o.password))
	require.NotContains(t, o.stderr.String(), o.password)
	require.NotContains(t, o.stderr.String(), "failed")
}

// The console's page is rendered by its script, which needs cookies, the addresses in the page
// and the admin API.
func TestATemporaryAdminSeesTheConsoleAndMLflowsUsers(t *testing.T) {
	nightly(t)
	onEveryLab(t, func(t *testing.T, l *lab, deployed outputs.Stack) {
		o := l.console(t, "10m")
		kind := "dev"
		if deployed.Edge.Exists() {
			kind = "prod"
		}
		console := deployed.Keycloak.AdminURL + "/admin/"
		p := newPerson(t, kind+"-console", []string{portOf(t, console)}, nil, nil)
		p.open(console)
		p.sees(passwordForm)
		p.writes("#username", o.username)
		p.writes("#password", o.password)
		p.clicks("Sign In")
		p.sees("Welcome to Keycloak", o.username)
		p.picture("welcome")
		require.True(t, strings.HasSuffix(p.at(), "/admin/master/console/"), p.at())
		p.clicks("Manage realms")
		p.clicks(deployed.Realm.Name)
		p.clicks("Groups")
		p.sees(deployed.Realm.AdminGroup, deployed.Realm.UserGroup)
		p.picture("groups of MLflow")
		p.clicks("Users")
		p.sees("Users are the users in the current realm.", "MLflow", "Current realm")
		p.picture("people of MLflow")
		p.clicks("Events")
		p.sees("User events", "Admin events", "CODE_TO_TOKEN") // of the proof at the end of up
		p.picture("events of MLflow")

		require.Zero(t, o.ends(t, syscall.SIGINT), o.stderr)

		p.open(console)
		p.sees(passwordForm)
		p.doesNotSee(o.username)
		p.picture("asked for a password again")
	})
}

// Closed terminals and broken connections are the usual ends of a command on another machine.
func TestTheConsoleEndsWithItsTimeAndWithItsTerminal(t *testing.T) {
	nightly(t)
	l := sharedLab(t)
	deployed := runningStack(t)
	before := administrators(t, deployed)

	o := l.console(t, "10s")
	require.NoError(t, o.command.Wait())
	require.Equal(t, before, administrators(t, deployed))

	require.Zero(t, l.console(t, "10m").ends(t, syscall.SIGHUP))
	require.Equal(t, before, administrators(t, deployed))

	command := l.command(t.Context(), "console", "--duration", "10m")
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	command.Stderr = writer
	require.NoError(t, command.Start())
	require.NoError(t, writer.Close())
	require.Eventually(t, func() bool { return len(administrators(t, deployed)) > len(before) }, time.Minute, 100*time.Millisecond)
	require.NoError(t, reader.Close()) // at the next line of progress there is no reader
	_ = command.Wait()
	require.Equal(t, before, administrators(t, deployed))
}

func TestWhatAKilledConsoleLeftIsRemovedOnceItsTimeIsOver(t *testing.T) {
	nightly(t)
	l := sharedLab(t)
	deployed := runningStack(t)
	before := administrators(t, deployed)
	client, token := keycloakAdmin(t, deployed)
	// A user with a similar name, which the tool did not create.
	namesake := gocloak.User{Username: gocloak.StringP("console-of-another"), Enabled: gocloak.BoolP(true)}
	id, err := client.CreateUser(t.Context(), token, "master", namesake)
	require.NoError(t, err)
	t.Cleanup(func() {
		client, token := keycloakAdmin(t, deployed)
		require.NoError(t, client.DeleteUser(context.Background(), token, "master", id))
	})
	for _, next := range [][]string{{"up", "--no-verify"}, {"verify"}, {"console", "--duration", "10s"}} {
		t.Run(next[0], func(t *testing.T) {
			const length = 15 * time.Second
			o := l.console(t, length.String())
			began := time.Now()
			require.NotZero(t, o.ends(t, syscall.SIGKILL))
			require.NotEmpty(t, adminLogin(t, deployed, o.username, o.password), "nothing is left behind: this test tests nothing")

			if next[0] == "up" {
				l.must(t, "up", "--no-verify")
				if time.Since(began) < length-time.Second {
					require.Contains(t, administrators(t, deployed), o.username, "a user whose time is not over is gone")
				}
			}
			time.Sleep(time.Until(began.Add(length + 2*time.Second)))
			l.must(t, next[0], next[1:]...)

			require.ElementsMatch(t, append([]string{*namesake.Username}, before...), administrators(t, deployed))
			require.Empty(t, adminLogin(t, deployed, o.username, o.password))
		})
	}
}

func TestTheConsoleExplainsThatTheStackIsNotUp(t *testing.T) {
	l, err := newLab(t.TempDir())
	require.NoError(t, err)

	got, err := l.run(t.Context(), "console")

	require.NoError(t, err)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "deploy it with `mlflow-sso up")
	require.Empty(t, got.stdout)
}
