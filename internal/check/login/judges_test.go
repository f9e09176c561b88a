package login

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
)

const (
	site     = "http://localhost:5000"
	identity = "http://localhost:8080"
)

// differsAbout demands a mismatch that names what is wrong.
func differsAbout(t *testing.T, err error, what string) {
	t.Helper()
	var m *mismatch
	require.ErrorAs(t, err, &m)
	require.Contains(t, m.got, what)
	require.NotEmpty(t, m.wanted)
}

func properAuthorize() url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {"mlflow"}, "code_challenge_method": {"S256"}, "code_challenge": {newPKCE().challenge},
		"state": {random()}, "nonce": {random()}, "redirect_uri": {site + "/callback"},
	}
}

func TestAnAuthorizeRequestIsJudgedByEachOfItsParameters(t *testing.T) {
	require.NoError(t, judgeAuthorize(properAuthorize(), "mlflow", site))
	for name, wrong := range map[string][]string{
		"response_type":         {"", "token", "code token"},
		"client_id":             {"", "account"},
		"code_challenge_method": {"", "plain", "s256"},
		"code_challenge":        {"", "short", strings.Repeat("=", 43), strings.Repeat("A", 44)},
		"state":                 {"", "guess"},
		"nonce":                 {"", "guess"},
		"redirect_uri":          {"", "/callback", "https://localhost:5000/callback", "http://localhost:50001/callback", "http://localhost:5000@attacker.example/"},
	} {
		for _, value := range wrong {
			query := properAuthorize()
			query.Set(name, value)
			differsAbout(t, judgeAuthorize(query, "mlflow", site), name)
		}
	}
}

// The example of RFC 7636, appendix B.
func TestTheChallengeIsTheHashOfTheVerifier(t *testing.T) {
	require.Equal(t, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
	require.NotEqual(t, newPKCE().verifier, newPKCE().verifier)
	require.Regexp(t, challenge, newPKCE().challenge)
}

func TestADiscoveryDocumentHasToTellEachSideItsOwnAddresses(t *testing.T) {
	const internal = "http://keycloak:8080"
	proper := discovery{
		Issuer: identity + "/realms/mlflow", Authorization: identity + "/auth", EndSession: identity + "/logout",
		Token: internal + "/token", Keys: internal + "/certs",
	}
	require.NoError(t, judgeDiscovery(proper, proper.Issuer, identity, internal, "MLflow"))
	for name, spoil := range map[string]func(*discovery){
		"issuer":                 func(d *discovery) { d.Issuer = internal + "/realms/mlflow" },
		"authorization_endpoint": func(d *discovery) { d.Authorization = internal + "/auth" },
		"end_session_endpoint":   func(d *discovery) { d.EndSession = "" },
		"token_endpoint":         func(d *discovery) { d.Token = identity + "/token" },
		"jwks_uri":               func(d *discovery) { d.Keys = identity + "/certs" },
	} {
		d := proper
		spoil(&d)
		differsAbout(t, judgeDiscovery(d, proper.Issuer, identity, internal, "MLflow"), name)
	}
}

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

func TestALoginEndsInMLflowOrItFailed(t *testing.T) {
	b := browser.New()
	defer b.Close()
	require.NoError(t, judgeArrival(outcome{page: page(t, site+"/", 200, ""), returned: true}, b, site))

	differsAbout(t, judgeArrival(outcome{page: page(t, site+"/oidc/ui/auth", 200, ""), returned: true, refusal: "User is not allowed to login"}, b, site),
		"User is not allowed to login")
	differsAbout(t, judgeArrival(outcome{page: page(t, site+"/", 500, ""), returned: true}, b, site), "500")
	differsAbout(t, judgeArrival(outcome{page: page(t, site+"/", 200, "")}, b, site), "200")
	differsAbout(t, judgeArrival(outcome{page: page(t, identity+"/x?code=hidden", 200, `<title>Sign in</title><span id=input-error>Invalid</span>`)}, b, site),
		`titled "Sign in", which says "Invalid"`)
}

func TestDescriptionsDoNotRepeatTheQuery(t *testing.T) {
	require.NotContains(t, describe(page(t, site+"/callback?code=hidden", 200, "<title>x</title>")), "hidden")
}

func TestAnOutsiderIsRefusedByMLflowAndForTheReasonThatCounts(t *testing.T) {
	refused := page(t, site+"/oidc/ui/auth", 200, "")
	require.NoError(t, judgeOutsider(outcome{page: refused, returned: true, refusal: "User is not allowed to login"}))

	differsAbout(t, judgeOutsider(outcome{page: refused, refusal: "User is not allowed to login"}), "200")
	differsAbout(t, judgeOutsider(outcome{page: refused, returned: true, refusal: "Failed to update user/groups"}), "Failed to update")
	differsAbout(t, judgeOutsider(outcome{page: page(t, site+"/", 200, ""), returned: true}), "200")
}

func TestAProfileHasToBeThePersonsOwn(t *testing.T) {
	who := &person{username: "mel", email: "Mel@example.com", group: "mlflow-users"}
	read := func(text string) (p profile) {
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		return p
	}
	require.NoError(t, judgeProfile(read(`{"username":"mel@example.com","is_admin":false,"groups":[{"group_name":"mlflow-users"}]}`), who, false))

	differsAbout(t, judgeProfile(read(`{"username":"ada@example.com","groups":[{"group_name":"mlflow-users"}]}`), who, false), "ada")
	differsAbout(t, judgeProfile(read(`{"username":"mel@example.com","is_admin":true,"groups":[{"group_name":"mlflow-users"}]}`), who, false), "is_admin true")
	differsAbout(t, judgeProfile(read(`{"username":"mel@example.com","groups":[{"group_name":"mlflow-users"}]}`), who, true), "is_admin false")
	differsAbout(t, judgeProfile(read(`{"username":"mel@example.com","groups":[{"group_name":"mlflow-users"},{"group_name":"x"}]}`), who, false), "x")
	differsAbout(t, judgeProfile(read(`{"username":"mel@example.com","groups":[]}`), who, false), "groups")
	differsAbout(t, judgeProfile(read(`{"username":"mel@example.com","groups":[{"group_name":"/mlflow-users"}]}`), who, false), "/mlflow-users")
}

func TestARequestIsRefusedOnlyByAnError(t *testing.T) {
	sent := func(status int, location string) *browser.Page {
		p := page(t, identity+"/auth", status, "")
		p.Header.Set("Location", location)
		return p
	}
	require.NoError(t, judgeRefusedRequest(sent(400, ""), "x"))
	require.NoError(t, judgeRefusedRequest(sent(302, site+"/callback?error=invalid_request&state=s"), "x"))

	differsAbout(t, judgeRefusedRequest(sent(200, ""), "x"), "200")
	differsAbout(t, judgeRefusedRequest(sent(500, ""), "x"), "500")
	differsAbout(t, judgeRefusedRequest(sent(302, site+"/callback?code=c"), "x"), "302")
	differsAbout(t, judgeRefusedRequest(sent(302, site+"/callback?code=c&error=invalid_request"), "x"), "302")
	differsAbout(t, judgeRefusedRequest(sent(302, site+"/callback?error=login_required"), "x"), "302")
}

func TestClaimsAreExactlyTheMembers(t *testing.T) {
	who := &person{email: "mel@example.com", group: "mlflow-users"}
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
		differsAbout(t, judgeClaims(c, who), what)
	}
}

// Keycloak tells a right password for an account that is not set up from a
// wrong one, both with invalid_grant.
func TestOnlyAWrongPasswordIsARefusal(t *testing.T) {
	require.NoError(t, judgeMasterRefusal(400, "invalid_grant: Invalid user credentials"))
	require.NoError(t, judgeMasterRefusal(401, "invalid_grant: Invalid user credentials"))

	differsAbout(t, judgeMasterRefusal(200, ""), "200")
	differsAbout(t, judgeMasterRefusal(400, "invalid_grant: Account is not fully set up"), "not fully set up")
	differsAbout(t, judgeMasterRefusal(400, "unauthorized_client: x"), "unauthorized_client")
	differsAbout(t, judgeMasterRefusal(500, "invalid_grant: Invalid user credentials"), "500")
}

func TestOnlyDecisionsAboutThePersonCountAsTheirs(t *testing.T) {
	keys, mine := judgeCacheKeys("p:permissions_v2:experiment:0:mel@example.com\np:permissions_v2:experiment:0:mel%40example.com:x\n"+
		"p:permissions_v2:experiment:0:ada@example.com\np:other:mel@example.com\n", "Mel@example.com")
	require.Equal(t, 3, keys)
	require.Equal(t, 2, mine)

	keys, mine = judgeCacheKeys("NOAUTH Authentication required.", "mel@example.com")
	require.Zero(t, keys)
	require.Zero(t, mine)
}

func TestOnlyOldPeopleOfOurOwnNameAreStale(t *testing.T) {
	now := time.Now()
	made := func(name string, age time.Duration) *gocloak.User {
		return &gocloak.User{Username: &name, CreatedTimestamp: gocloak.Int64P(now.Add(-age).UnixMilli())}
	}
	require.True(t, isStale(made(temporaryPrefix+"x-admin", 2*time.Hour), now))
	require.False(t, isStale(made(temporaryPrefix+"x-admin", time.Minute), now))
	require.False(t, isStale(made("x-"+temporaryPrefix, 2*time.Hour), now))
	require.False(t, isStale(&gocloak.User{Username: gocloak.StringP(temporaryPrefix)}, now))
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

func TestAdministratorsAreThoseOfTheStackAndNobodyElse(t *testing.T) {
	require.NoError(t, judgeAdministrators(nil, nil))
	differsAbout(t, judgeAdministrators([]adminrealm.Difference{{What: "rememberMe", Got: "true", Wanted: "false"}}, nil), "rememberMe true")
	differsAbout(t, judgeAdministrators(nil, []string{"zoe"}), "zoe")
	// Somebody who is in it counts more than how it is set.
	differsAbout(t, judgeAdministrators([]adminrealm.Difference{{What: "rememberMe", Got: "true", Wanted: "false"}}, []string{"zoe"}), "zoe")
}
