package login

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// proof is what the checks of one run hand on to each other.
type proof struct {
	stack  outputs.Stack
	docker *engine.Engine

	// front is the way to the public addresses; nil before the edge was looked at.
	front *edgeclient.Client

	// admin, member and outsider are the people who log in.
	admin, member, outsider *person
	// temporary is not nil when the people were made for this run.
	temporary *temporaryPeople

	// public is the discovery document as a browser gets it.
	public discovery
	// authorize is the request that MLflow makes of Keycloak at a login.
	authorize url.Values
	// token is an access token of member, signed by Keycloak.
	token string

	// options are those of every browser, beside the way to the public addresses.
	options []browser.Option
	// browsers are all that were opened, sessions those that Keycloak knows.
	browsers, sessions []*browser.Browser
}

func newProof(stack outputs.Stack, docker *engine.Engine) *proof {
	return &proof{stack: stack, docker: docker}
}

// checks are in the order in which they run: what others build on comes first,
// and what ends sessions comes last.
func (p *proof) checks() []check {
	const mlflowLog, keycloakLog, edgeLog = "docker logs --tail 50 {mlflow}", "docker logs --tail 50 {keycloak}", "docker logs --tail 50 {edge}"
	signedIn := []string{"login-member", "access-token"}
	checks := []check{
		{name: "containers", run: p.checkContainers, next: "docker ps --all, then docker logs of the one that is not healthy"},
		{name: "versions", run: p.checkVersions, next: "raise it in images/mlflow/requirements.in, `make lock`, and bring the stack up"},
		{name: "discovery", run: p.checkDiscovery, next: keycloakLog},
		{name: "administrators", run: p.checkAdministrators, next: "`mlflow-sso up` sets it back; " + keycloakLog},
		{name: "users", run: p.checkUsers, next: keycloakLog},
		{name: "anonymous", run: p.checkAnonymous, next: mlflowLog},
		{name: "login-request", run: p.checkLoginRequest, next: mlflowLog, needs: []string{"discovery"}},
		{name: "pkce", run: p.checkPKCE, next: "in Keycloak, set the client's PKCE method to S256", needs: []string{"login-request"}},
		{name: "redirect-uri", run: p.checkRedirectURI, next: "in Keycloak, list only exact redirect URIs for the client", needs: []string{"login-request"}},
		{name: "wrong-password", run: p.checkWrongPassword, next: keycloakLog, needs: []string{"users", "login-request"}},
		{name: "login-admin", run: p.checkLoginAdmin, next: mlflowLog, needs: []string{"users", "login-request"}},
		{name: "login-member", run: p.checkLoginMember, next: mlflowLog, needs: []string{"users", "login-request"}},
		{name: "login-outsider", run: p.checkLoginOutsider, next: mlflowLog, needs: []string{"users", "login-request"}},
		{name: "admin-route", run: p.checkAdminRoute, next: mlflowLog, needs: []string{"login-admin", "login-member"}},
		{name: "access-token", run: p.checkAccessToken, next: mlflowLog, needs: []string{"login-member"}},
		{name: "groups-claim", run: p.checkGroupsClaim, next: "in Keycloak, look at the client's mappers `groups` and `audience`", needs: signedIn},
		{name: "unsigned-token", run: p.checkUnsignedToken, next: mlflowLog, needs: signedIn},
		{name: "tampered-token", run: p.checkTamperedToken, next: mlflowLog, needs: signedIn},
		{name: "permission-cache", run: p.checkPermissionCache, next: "docker logs --tail 50 {redis}; " + mlflowLog, needs: []string{"login-member"}},
		{name: "identity-sync", run: p.checkIdentitySync, next: "docker logs --tail 50 {keeper}; `mlflow-sso up` grants the identity sync its right to view users", needs: []string{"discovery"}},
		{name: "password-grant", run: p.checkPasswordGrant, next: "`mlflow-sso up` shuts the client admin-cli of the realm", needs: []string{"login-member"}},
		{name: "redis-password", run: p.checkRedisPassword, next: "docker logs --tail 50 {redis}"},
		{name: "data-volumes", run: p.checkDataVolumes, next: "`mlflow-sso doctor` says what became of them"},
		{name: "default-passwords", run: p.checkDefaultPasswords, next: "change that password at once", needs: []string{"login-member"}},
		{name: "logout", run: p.checkLogout, next: mlflowLog, needs: []string{"login-member"}},
		{name: "cleanup", run: p.checkCleanup, next: "log in to Keycloak's admin console and delete the users whose names begin with " + temporaryPrefix, always: true},
	}
	if p.stack.Edge.Exists() {
		checks[2].needs = []string{"certificate"}
		checks = slices.Insert(checks, 3, check{name: "closed-paths", run: p.checkClosedPaths, next: edgeLog, needs: []string{"discovery"}})
		checks = slices.Insert(checks, 1, check{name: "certificate", run: p.checkCertificate, next: edgeLog})
	}
	return p.upstreams(p.elsewhere(p.machineChecks(checks)))
}

// containers puts names in the place of {mlflow} and its like.
func (p *proof) containers() *strings.Replacer {
	s := p.stack
	return strings.NewReplacer("{mlflow}", s.MLflow.Container, "{keycloak}", s.Keycloak.Container,
		"{postgres}", s.Postgres.Container, "{redis}", s.Redis.Container, "{keeper}", s.IdentitySync.Container, "{edge}", s.Edge.Container)
}

// newBrowser opens a browser without cookies, which close closes.
func (p *proof) newBrowser() *browser.Browser {
	var options []browser.Option
	if p.front != nil {
		options = append(options, p.front.ViaEdge)
	}
	b := browser.New(append(options, p.options...)...)
	p.browsers = append(p.browsers, b)
	return b
}

func (p *proof) close() {
	for _, b := range p.browsers {
		b.Close()
	}
}

// The addresses of MLflow that the checks ask.
const (
	searchPath      = "/api/2.0/mlflow/experiments/search"
	experimentPath  = "/api/2.0/mlflow/experiments/get?experiment_id=0"
	currentUserPath = "/api/2.0/mlflow/users/current"
	tokensPath      = "/api/2.0/mlflow/users/current/tokens"
	adminPath       = "/api/2.0/mlflow/users/details"
	logoutPath      = "/logout"
	refusedPath     = "/oidc/ui/auth"
)

// search asks MLflow for one experiment, which anybody who is signed in may do,
// and returns the answer's status.
func (p *proof) search(ctx context.Context, b *browser.Browser, header http.Header) (int, error) {
	page, err := b.Fetch(ctx, http.MethodPost, p.stack.MLflow.URL+searchPath, header, []byte(`{"max_results":1}`))
	if err != nil {
		return 0, err
	}
	if page.Status == http.StatusOK {
		var answer struct{}
		if err := page.JSON(&answer); err != nil {
			return 0, err
		}
	}
	return page.Status, nil
}

// expectSearch demands a status of search; who says for whom, in an error.
func (p *proof) expectSearch(ctx context.Context, b *browser.Browser, header http.Header, wanted int, who string) error {
	got, err := p.search(ctx, b, header)
	if err != nil {
		return fmt.Errorf("search experiments %s: %w", who, err)
	}
	return judgeStatus(got, wanted, "a search for experiments "+who)
}

func judgeStatus(got, wanted int, what string) error {
	if got == wanted {
		return nil
	}
	return differs(fmt.Sprintf("%d for %s", got, what), fmt.Sprint(wanted))
}

// at says whether u is on the site and, unless path is empty, at that path.
func at(u *url.URL, site, path string) bool {
	base, err := url.Parse(site)
	if err != nil || u == nil || u.Scheme != base.Scheme || u.Host != base.Host {
		return false
	}
	return path == "" || u.Path == base.Path+path
}
