package login

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check/checktest"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
)

const (
	site     = "http://localhost:5000"
	identity = "http://localhost:8080"
)

// The example of RFC 7636, appendix B.
func TestOnlyAHealthyContainerIsFaultless(t *testing.T) {
	require.Empty(t, judgeState(engine.State{Status: "running", Health: "healthy"}))
	require.Equal(t, "unhealthy", judgeState(engine.State{Status: "running", Health: "unhealthy"}))
	require.Equal(t, "starting", judgeState(engine.State{Status: "running", Health: "starting"}))
	require.Equal(t, "without a health check", judgeState(engine.State{Status: "running"}))
	require.Equal(t, "exited with code 137", judgeState(engine.State{Status: "exited", ExitCode: 137, Health: "healthy"}))
	require.Equal(t, "paused", judgeState(engine.State{Status: "paused", Health: "healthy"}))
}

func page(t *testing.T, address string, status int, body string) *browser.Page {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return &browser.Page{URL: u, Status: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(body)}
}

func TestAnOutsiderIsRefusedByMLflowAndForTheReasonThatCounts(t *testing.T) {
	refused := page(t, site+"/oidc/ui/auth", 200, "")
	require.NoError(t, judgeOutsider(scenario.LoginOutcome{Page: refused, Returned: true, Refusal: "User is not allowed to login"}))

	checktest.RequireMismatch(t, judgeOutsider(scenario.LoginOutcome{Page: refused, Refusal: "User is not allowed to login"}), "200")
	checktest.RequireMismatch(t, judgeOutsider(scenario.LoginOutcome{Page: refused, Returned: true, Refusal: "Failed to update user/groups"}), "Failed to update")
	checktest.RequireMismatch(t, judgeOutsider(scenario.LoginOutcome{Page: page(t, site+"/", 200, ""), Returned: true}), "200")
}

func TestClaimsAreExactlyTheMembers(t *testing.T) {
	who := &scenario.Person{Email: "mel@example.com", Group: "mlflow-users"}
	proper := claims{Groups: []string{"mlflow-users"}, Email: "mel@example.com", Issued: 1000, Expires: 1300}
	require.NoError(t, judgeClaims(proper, who))
	for what, spoil := range map[string]func(*claims){
		"groups []":                func(c *claims) { c.Groups = nil },
		"/mlflow-users":            func(c *claims) { c.Groups = []string{"/mlflow-users"} },
		"mlflow-admins":            func(c *claims) { c.Groups = []string{"mlflow-users", "mlflow-admins"} },
		`email "ada@example.com"`:  func(c *claims) { c.Email = "ada@example.com" },
		"a token valid for 4m59s":  func(c *claims) { c.Expires = 1299 },
		"a token valid for -16m40": func(c *claims) { c.Expires = 0 },
	} {
		c := proper
		spoil(&c)
		checktest.RequireMismatch(t, judgeClaims(c, who), what)
	}
}

// Keycloak distinguishes a correct password for an account that is not set up from a wrong one,
// both with invalid_grant.
func TestOnlyDecisionsAboutThePersonCountAsTheirs(t *testing.T) {
	keys, mine := judgeCacheKeys("p:permissions_v2:experiment:0:mel@example.com\np:permissions_v2:experiment:0:mel%40example.com:x\n"+
		"p:permissions_v2:experiment:0:ada@example.com\np:other:mel@example.com\n", "Mel@example.com")
	require.Equal(t, 3, keys)
	require.Equal(t, 2, mine)

	keys, mine = judgeCacheKeys("NOAUTH Authentication required.", "mel@example.com")
	require.Zero(t, keys)
	require.Zero(t, mine)
}

func TestAVersionInTheContainerThatIsTooOldFails(t *testing.T) {
	_, err := judgeVersions([]string{"3.17.2", "7.12.1"})
	require.ErrorContains(t, err, "mlflow-oidc-auth 7.12.1")
	_, err = judgeVersions([]string{"3.17.2"})
	require.Error(t, err)
	said, err := judgeVersions([]string{"3.17.2", "11.0.2"})
	require.NoError(t, err)
	require.Equal(t, "mlflow 3.17.2, mlflow-oidc-auth 11.0.2", said)
}

func TestAdministratorsAreExactlyThoseOfTheStack(t *testing.T) {
	require.NoError(t, judgeAdministrators(nil, nil))
	checktest.RequireMismatch(t, judgeAdministrators([]adminrealm.Difference{{What: "rememberMe", Got: "true", Wanted: "false"}}, nil), "rememberMe true")
	checktest.RequireMismatch(t, judgeAdministrators(nil, []string{"zoe"}), "zoe")
	// An unknown administrator matters more than a wrong setting.
	checktest.RequireMismatch(t, judgeAdministrators([]adminrealm.Difference{{What: "rememberMe", Got: "true", Wanted: "false"}}, []string{"zoe"}), "zoe")
}
