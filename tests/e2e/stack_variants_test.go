//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
)

// site is a stack from a user's point of view.
type site struct {
	// kind is the kind of the stack; it begins the names of the pictures.
	kind     string
	deployed outputs.Stack
	// people are one user in each group, and one in none.
	people []outputs.User
	// hosts are the names without DNS, and their addresses.
	hosts map[string]string
	// authority is the certificate that users must trust; none over http.
	authority []byte
}

// onEveryStack runs a test on each kind of stack.
func onEveryStack(t *testing.T, test func(t *testing.T, at site)) {
	t.Helper()
	inLane(t, sharedLane)
	t.Run("dev", func(t *testing.T) { test(t, devSite(t)) })
	t.Run("prod", func(t *testing.T) { test(t, prodSite(t)) })
}

func devSite(t *testing.T) site {
	t.Helper()
	deployed := runningStack(t)
	return site{kind: "dev", deployed: deployed, people: deployed.DemoUsers}
}

// prodSite is the public stack, with users that exist for one test.
func prodSite(t *testing.T) site {
	t.Helper()
	l := public.up(t)
	return site{
		kind: "prod", deployed: public.deployed, people: makePeople(t, public.deployed), hosts: hostsOf(t, public.deployed),
		authority: []byte(l.must(t, "ca-certificate").stdout),
	}
}

// hostsOf are the public names of a stack, on this machine.
func hostsOf(t *testing.T, deployed outputs.Stack) map[string]string {
	t.Helper()
	address, _, err := net.SplitHostPort(deployed.Edge.HTTPS)
	require.NoError(t, err)
	hosts := map[string]string{}
	for _, site := range []string{deployed.MLflow.URL, deployed.Keycloak.URL} {
		u, err := url.Parse(site)
		require.NoError(t, err)
		hosts[u.Hostname()] = address
	}
	return hosts
}

// makePeople creates one user for each result of a login, like an administrator of Keycloak, and
// deletes them at the end of the test.
func makePeople(t *testing.T, deployed outputs.Stack) []outputs.User {
	t.Helper()
	var people []outputs.User
	for _, p := range []struct{ first, last, group string }{
		{"Ada", "Admin", deployed.Realm.AdminGroup}, {"Mel", "Member", deployed.Realm.UserGroup}, {"Otto", "Outsider", ""},
	} {
		username := strings.ToLower("e2e-" + p.last + "-" + rand.Text()[:8])
		who := outputs.User{Username: username, Email: username + "@example.com", Password: rand.Text() + "aA1!", Group: p.group}
		user := gocloak.User{
			Username: &who.Username, Email: &who.Email, Enabled: gocloak.BoolP(true), EmailVerified: gocloak.BoolP(true),
			FirstName: &p.first, LastName: &p.last,
			Credentials: &[]gocloak.CredentialRepresentation{{Type: gocloak.StringP("password"), Value: &who.Password}},
		}
		if p.group != "" {
			user.Groups = &[]string{"/" + p.group}
		}
		client, token := keycloakAdmin(t, deployed)
		id, err := client.CreateUser(t.Context(), token, deployed.Realm.Name, user)
		require.NoError(t, err)
		t.Cleanup(func() {
			client, token := keycloakAdmin(t, deployed)
			require.NoError(t, client.DeleteUser(context.Background(), token, deployed.Realm.Name, id))
		})
		people = append(people, who)
	}
	return people
}

func (s site) member(t *testing.T) outputs.User {
	t.Helper()
	return s.inGroup(t, s.deployed.Realm.UserGroup)
}

func (s site) admin(t *testing.T) outputs.User {
	t.Helper()
	return s.inGroup(t, s.deployed.Realm.AdminGroup)
}
func (s site) outsider(t *testing.T) outputs.User { t.Helper(); return s.inGroup(t, "") }

func (s site) inGroup(t *testing.T, group string) outputs.User {
	t.Helper()
	for _, who := range s.people {
		if who.Group == group {
			return who
		}
	}
	require.Fail(t, "no such person", "got %d people and none in group %q, wanted one", len(s.people), group)
	return outputs.User{}
}

// front is the connection of a program on this machine to the public addresses.
func (s site) front(t *testing.T) *edgeclient.Client {
	t.Helper()
	way, err := edgeclient.Open(t.Context(), s.deployed, openEngine(t))
	require.NoError(t, err)
	return way
}

// visitor is a user with a new Chromium, who trusts the stack's authority.
func (s site) visitor(t *testing.T, name string) *person {
	t.Helper()
	return newPerson(t, s.kind+"-"+name, s.ports(t), s.hosts, s.authority)
}

// ports are those of the public addresses.
func (s site) ports(t *testing.T) []string {
	t.Helper()
	ports := []string{portOf(t, s.deployed.MLflow.URL), portOf(t, s.deployed.Keycloak.URL)}
	return slices.Compact(ports)
}

// portOf is the explicit port in an address.
func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	require.NotEmpty(t, u.Port())
	return u.Port()
}

// logsIn opens MLflow, is redirected to Keycloak's form and fills it in.
func (p *person) logsIn(at site, who outputs.User) {
	p.t.Helper()
	p.open(at.deployed.MLflow.URL)
	p.sees(passwordForm)
	require.Contains(p.t, p.at(), at.deployed.Keycloak.URL)
	p.picture("login form")
	p.writes("#username", who.Username)
	p.writes("#password", who.Password)
	p.clicks("Sign In")
}

// logsOut clicks the logout, and arrives at a page that only offers a login.
func (p *person) logsOut(at site) {
	p.t.Helper()
	p.open(at.deployed.MLflow.URL)
	p.sees(welcome)
	// A request of the page that is refused after the logout sends the browser to the login form.
	p.waitsUntilStable()
	p.clicks("Logout")
	p.sees(loginAgain)
	require.Equal(p.t, at.deployed.MLflow.URL+"/oidc/ui/auth", p.at())
}

// The texts on the pages.
const (
	passwordForm = "Sign in to your account"
	welcome      = "Welcome to MLflow"
	loginAgain   = "Login with OIDC"
	refusal      = "User is not allowed to login"
)
