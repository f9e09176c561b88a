package scenario

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check/checktest"
)

const (
	site     = "http://localhost:5000"
	identity = "http://localhost:8080"
)

func properAuthorize() url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {"mlflow"}, "code_challenge_method": {"S256"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())},
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
			checktest.RequireMismatch(t, judgeAuthorize(query, "mlflow", site), name)
		}
	}
}

func TestEveryLoginHasAVerifierOfItsOwn(t *testing.T) {
	s := New(outputs.Stack{}, nil)
	one, other := s.request(oauth2.GenerateVerifier()), s.request(oauth2.GenerateVerifier())
	for _, name := range []string{"code_challenge", "state", "nonce"} {
		require.Regexp(t, challenge, one.Get(name))
		require.NotEqual(t, one.Get(name), other.Get(name))
	}
}

func TestADiscoveryDocumentHasToGiveEachSideItsOwnAddresses(t *testing.T) {
	const internal = "http://keycloak:8080"
	proper := Discovery{
		Issuer: identity + "/realms/mlflow", Authorization: identity + "/auth", EndSession: identity + "/logout",
		Token: internal + "/token", Keys: internal + "/certs",
	}
	require.NoError(t, JudgeDiscovery(proper, proper.Issuer, identity, internal, "MLflow"))
	for name, spoil := range map[string]func(*Discovery){
		"issuer":                 func(d *Discovery) { d.Issuer = internal + "/realms/mlflow" },
		"authorization_endpoint": func(d *Discovery) { d.Authorization = internal + "/auth" },
		"end_session_endpoint":   func(d *Discovery) { d.EndSession = "" },
		"token_endpoint":         func(d *Discovery) { d.Token = identity + "/token" },
		"jwks_uri":               func(d *Discovery) { d.Keys = identity + "/certs" },
	} {
		d := proper
		spoil(&d)
		checktest.RequireMismatch(t, JudgeDiscovery(d, proper.Issuer, identity, internal, "MLflow"), name)
	}
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
	require.NoError(t, ExpectArrival(LoginOutcome{Page: page(t, site+"/", 200, ""), Returned: true}, b, site))

	checktest.RequireMismatch(t, ExpectArrival(LoginOutcome{Page: page(t, site+"/oidc/ui/auth", 200, ""), Returned: true, Refusal: "User is not allowed to login"}, b, site),
		"User is not allowed to login")
	checktest.RequireMismatch(t, ExpectArrival(LoginOutcome{Page: page(t, site+"/", 500, ""), Returned: true}, b, site), "500")
	checktest.RequireMismatch(t, ExpectArrival(LoginOutcome{Page: page(t, site+"/", 200, "")}, b, site), "200")
	checktest.RequireMismatch(t, ExpectArrival(LoginOutcome{Page: page(t, identity+"/x?code=hidden", 200, `<title>Sign in</title><span id=input-error>Invalid</span>`)}, b, site),
		`titled "Sign in", which says "Invalid"`)
}

func TestDescriptionsDoNotRepeatTheQuery(t *testing.T) {
	require.NotContains(t, Describe(page(t, site+"/callback?code=hidden", 200, "<title>x</title>")), "hidden")
}

func TestAProfileHasToBeThePersonsOwn(t *testing.T) {
	who := &Person{Username: "mel", Email: "Mel@example.com", Group: "mlflow-users"}
	read := func(text string) (p profile) {
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		return p
	}
	require.NoError(t, judgeProfile(read(`{"username":"mel@example.com","is_admin":false,"groups":[{"group_name":"mlflow-users"}]}`), who, false))

	checktest.RequireMismatch(t, judgeProfile(read(`{"username":"ada@example.com","groups":[{"group_name":"mlflow-users"}]}`), who, false), "ada")
	checktest.RequireMismatch(t, judgeProfile(read(`{"username":"mel@example.com","is_admin":true,"groups":[{"group_name":"mlflow-users"}]}`), who, false), "is_admin true")
	checktest.RequireMismatch(t, judgeProfile(read(`{"username":"mel@example.com","groups":[{"group_name":"mlflow-users"}]}`), who, true), "is_admin false")
	checktest.RequireMismatch(t, judgeProfile(read(`{"username":"mel@example.com","groups":[{"group_name":"mlflow-users"},{"group_name":"x"}]}`), who, false), "x")
	checktest.RequireMismatch(t, judgeProfile(read(`{"username":"mel@example.com","groups":[]}`), who, false), "groups")
	checktest.RequireMismatch(t, judgeProfile(read(`{"username":"mel@example.com","groups":[{"group_name":"/mlflow-users"}]}`), who, false), "/mlflow-users")
}

func TestARequestIsRefusedOnlyByAnError(t *testing.T) {
	sent := func(status int, location string) *browser.Page {
		p := page(t, identity+"/auth", status, "")
		p.Header.Set("Location", location)
		return p
	}
	require.NoError(t, judgeRefusedRequest(sent(400, ""), "x"))
	require.NoError(t, judgeRefusedRequest(sent(302, site+"/callback?error=invalid_request&state=s"), "x"))

	checktest.RequireMismatch(t, judgeRefusedRequest(sent(200, ""), "x"), "200")
	checktest.RequireMismatch(t, judgeRefusedRequest(sent(500, ""), "x"), "500")
	checktest.RequireMismatch(t, judgeRefusedRequest(sent(302, site+"/callback?code=c"), "x"), "302")
	checktest.RequireMismatch(t, judgeRefusedRequest(sent(302, site+"/callback?code=c&error=invalid_request"), "x"), "302")
	checktest.RequireMismatch(t, judgeRefusedRequest(sent(302, site+"/callback?error=login_required"), "x"), "302")
}

// Keycloak distinguishes a correct password for an account that is not set up from a wrong one,
// both with invalid_grant.
func TestOnlyAWrongPasswordIsARefusal(t *testing.T) {
	require.NoError(t, judgeMasterRefusal(400, "invalid_grant: Invalid user credentials"))
	require.NoError(t, judgeMasterRefusal(401, "invalid_grant: Invalid user credentials"))

	checktest.RequireMismatch(t, judgeMasterRefusal(200, ""), "200")
	checktest.RequireMismatch(t, judgeMasterRefusal(400, "invalid_grant: Account is not fully set up"), "not fully set up")
	checktest.RequireMismatch(t, judgeMasterRefusal(400, "unauthorized_client: x"), "unauthorized_client")
	checktest.RequireMismatch(t, judgeMasterRefusal(500, "invalid_grant: Invalid user credentials"), "500")
}

func TestOnlyOldPeopleOfOurOwnNameAreStale(t *testing.T) {
	now := time.Now()
	made := func(name string, age time.Duration) *gocloak.User {
		return &gocloak.User{Username: &name, CreatedTimestamp: gocloak.Int64P(now.Add(-age).UnixMilli())}
	}
	require.True(t, isStale(made(TemporaryPrefix+"x-admin", 2*time.Hour), now))
	require.False(t, isStale(made(TemporaryPrefix+"x-admin", time.Minute), now))
	require.False(t, isStale(made("x-"+TemporaryPrefix, 2*time.Hour), now))
	require.False(t, isStale(&gocloak.User{Username: gocloak.StringP(TemporaryPrefix)}, now))
}
