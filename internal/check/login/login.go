// Package login proves on a running stack that the right users can log in and the wrong ones
// cannot.
//
// Every check observes one thing from outside, as a browser, an API client or a container on the
// network sees it, and trusts no setting. A check that expects a refusal also observes that the
// correct request succeeds, since a server that refuses everything proves nothing. A check that
// could not run is reported as such and does not count as passed.
//
// A run leaves nothing behind: it ends its sessions and, on a stack without demo users, deletes
// the users that it creates, also after a failure or an interrupt. No report contains a secret.
package login

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// checkTimeout limits one check. A login takes seconds on a busy machine.
const checkTimeout = 90 * time.Second

// The addresses of MLflow that the checks request.
const (
	experimentPath = "/api/2.0/mlflow/experiments/get?experiment_id=0"
	adminPath      = "/api/2.0/mlflow/users/details"
)

// proof is the state that the checks of one run share.
type proof struct {
	*scenario.Scenario
	// outsider can log in to Keycloak but not use MLflow.
	outsider *scenario.Person
	// token is an access token of the member, signed by Keycloak.
	token string
}

func newProof(stack outputs.Stack, docker *engine.Engine) *proof {
	return &proof{Scenario: scenario.New(stack, docker)}
}

// Suite returns the suite of a stack; its checks share one run.
func Suite(stack outputs.Stack, docker *engine.Engine) check.Suite {
	return newProof(stack, docker).suite()
}

func (p *proof) suite() check.Suite {
	return check.Suite{
		Name:   "verify",
		Title:  fmt.Sprintf("%s: login at %s through %s", p.Stack.Deployment, p.Stack.MLflow.URL, p.Stack.Keycloak.URL),
		Checks: p.checks(), Timeout: checkTimeout, Places: scenario.Places(p.Stack),
	}
}

// Run runs the suite once. When ctx ends, the remaining checks do not run, except for the last
// one, which cleans up.
func Run(ctx context.Context, stack outputs.Stack, docker *engine.Engine, observer check.Observer) check.Report {
	p := newProof(stack, docker)
	defer p.Close()
	return p.suite().Run(ctx, observer)
}

// checks are in order: prerequisites first, and checks that end sessions last.
func (p *proof) checks() []check.Check {
	const mlflowLog, keycloakLog, edgeLog = "docker logs --tail 50 {mlflow}", "docker logs --tail 50 {keycloak}", "docker logs --tail 50 {edge}"
	signedIn := []check.ID{LoginMember, AccessToken}
	checks := []check.Check{
		{ID: Containers, Run: check.Proves(p.checkContainers), Next: "docker ps --all, then docker logs of the one that is not healthy"},
		{ID: Versions, Run: check.Proves(p.checkVersions), Next: "raise it in images/mlflow/requirements.in, run `make lock`, then `mlflow-sso up`"},
		{ID: Discovery, Run: check.Proves(p.CheckDiscovery), Next: keycloakLog},
		{ID: Administrators, Run: check.Proves(p.checkAdministrators), Next: "`mlflow-sso up`, or `pulumi up --refresh`, sets it back; " + keycloakLog},
		{ID: Users, Run: check.Proves(p.checkUsers), Next: keycloakLog},
		{ID: Anonymous, Run: check.Proves(p.checkAnonymous), Next: mlflowLog},
		{ID: LoginRequest, Run: check.Proves(p.CheckLoginRequest), Next: mlflowLog, Needs: []check.ID{Discovery}},
		{ID: PKCE, Run: check.Proves(p.CheckPKCE), Next: "in Keycloak, set the client's PKCE method to S256", Needs: []check.ID{LoginRequest}},
		{ID: RedirectURI, Run: check.Proves(p.CheckRedirectURI), Next: "in Keycloak, list only exact redirect URIs for the client", Needs: []check.ID{LoginRequest}},
		{ID: WrongPassword, Run: check.Proves(p.checkWrongPassword), Next: keycloakLog, Needs: []check.ID{Users, LoginRequest}},
		{ID: LoginAdmin, Run: check.Proves(p.checkLoginAdmin), Next: mlflowLog, Needs: []check.ID{Users, LoginRequest}},
		{ID: LoginMember, Run: check.Proves(p.checkLoginMember), Next: mlflowLog, Needs: []check.ID{Users, LoginRequest}},
		{ID: LoginOutsider, Run: check.Proves(p.checkLoginOutsider), Next: mlflowLog, Needs: []check.ID{Users, LoginRequest}},
		{ID: AdminRoute, Run: check.Proves(p.checkAdminRoute), Next: mlflowLog, Needs: []check.ID{LoginAdmin, LoginMember}},
		{ID: AccessToken, Run: check.Proves(p.checkAccessToken), Next: mlflowLog, Needs: []check.ID{LoginMember}},
		{ID: GroupsClaim, Run: check.Proves(p.checkGroupsClaim), Next: "in Keycloak, check the client's mappers `groups` and `audience`", Needs: signedIn},
		{ID: UnsignedToken, Run: check.Proves(p.checkUnsignedToken), Next: mlflowLog, Needs: signedIn},
		{ID: TamperedToken, Run: check.Proves(p.checkTamperedToken), Next: mlflowLog, Needs: signedIn},
		{ID: PermissionCache, Run: check.Proves(p.checkPermissionCache), Next: "docker logs --tail 50 {redis}; " + mlflowLog, Needs: []check.ID{LoginMember}},
		{ID: IdentitySync, Run: check.Proves(p.checkIdentitySync), Next: "docker logs --tail 50 {keeper}; `mlflow-sso up`, or `pulumi up --refresh`, grants the identity sync its right to view users", Needs: []check.ID{Discovery}},
		{ID: PasswordGrant, Run: check.Proves(p.CheckPasswordGrant), Next: "`mlflow-sso up`, or `pulumi up --refresh`, shuts the client admin-cli of the realm", Needs: []check.ID{LoginMember}},
		{ID: RedisPassword, Run: check.Proves(p.checkRedisPassword), Next: "docker logs --tail 50 {redis}"},
		{ID: DataVolumes, Run: check.Proves(p.checkDataVolumes), Next: "`mlflow-sso doctor` says what happened to them"},
		{ID: DefaultPasswords, Run: check.Proves(p.CheckDefaultPasswords), Next: "change that password at once", Needs: []check.ID{LoginMember}},
		{ID: Logout, Run: check.Proves(p.checkLogout), Next: mlflowLog, Needs: []check.ID{LoginMember}},
		{ID: Cleanup, Run: check.Proves(p.CheckCleanup), Next: "log in to Keycloak's admin console and delete the users whose names begin with " + scenario.TemporaryPrefix, Always: true},
	}
	if p.Stack.Edge.Exists() {
		checks[2].Needs = []check.ID{Certificate}
		checks = slices.Insert(checks, 3, check.Check{ID: ClosedPaths, Run: check.Proves(p.checkClosedPaths), Next: edgeLog, Needs: []check.ID{Discovery}})
		checks = slices.Insert(checks, 1, check.Check{ID: Certificate, Run: check.Proves(p.checkCertificate), Next: edgeLog})
	}
	checks = p.upstreams(p.externalServices(p.machineChecks(checks)))
	for i := range checks {
		checks[i].About = about[checks[i].ID]
	}
	return checks
}
