//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/outputs"
)

// site is a stack as people come to it.
type site struct {
	// kind is what the stack is like; it begins the names of the pictures.
	kind string
	told outputs.Stack
	// people are one in each group, and one in none.
	people []outputs.User
	// hosts are the names that no name server knows, and where they are.
	hosts map[string]string
	// authority is the certificate that people have to trust; none over http.
	authority []byte
}

// onEveryStack runs a test on each kind of stack.
func onEveryStack(t *testing.T, test func(t *testing.T, at site)) {
	t.Helper()
	t.Run("dev", func(t *testing.T) { test(t, devSite(t)) })
}

func devSite(t *testing.T) site {
	t.Helper()
	told := runningStack(t)
	return site{kind: "dev", told: told, people: told.DemoUsers}
}

func (s site) member(t *testing.T) outputs.User   { return s.inGroup(t, s.told.Realm.UserGroup) }
func (s site) admin(t *testing.T) outputs.User    { return s.inGroup(t, s.told.Realm.AdminGroup) }
func (s site) outsider(t *testing.T) outputs.User { return s.inGroup(t, "") }

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

// visitor is somebody with a new browser, who trusts the stack's authority.
func (s site) visitor(t *testing.T, name string) *person {
	t.Helper()
	return newPerson(t, s.kind+"-"+name, s.hosts, s.authority)
}

// logsIn goes to MLflow, is sent to Keycloak's form and fills it in.
func (p *person) logsIn(at site, who outputs.User) {
	p.t.Helper()
	p.open(at.told.MLflow.URL)
	p.sees(passwordForm)
	require.Contains(p.t, p.at(), at.told.Keycloak.URL)
	p.picture("login form")
	p.writes("#username", who.Username)
	p.writes("#password", who.Password)
	p.clicks("Sign In")
}

// logsOut clicks where everybody clicks, and arrives where there is nothing but
// a way to log in again.
func (p *person) logsOut(at site) {
	p.t.Helper()
	p.open(at.told.MLflow.URL)
	p.sees(welcome)
	p.clicks("Logout")
	p.sees(loginAgain)
	require.Equal(p.t, at.told.MLflow.URL+"/oidc/ui/auth", p.at())
}

// What is to be read on the pages.
const (
	passwordForm = "Sign in to your account"
	welcome      = "Welcome to MLflow"
	loginAgain   = "Login with OIDC"
	refusal      = "User is not allowed to login"
)
