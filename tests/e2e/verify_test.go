//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/report"
	"github.com/mlflow-sso/mlflow-sso/internal/verify"
)

// runningStack is the stack whose outputs, as `pulumi stack output --json
// --show-secrets` writes them, are in the file MLFLOW_SSO_E2E_OUTPUTS.
func runningStack(t *testing.T) outputs.Stack {
	t.Helper()
	path := os.Getenv("MLFLOW_SSO_E2E_OUTPUTS")
	if path == "" {
		t.Skip("MLFLOW_SSO_E2E_OUTPUTS names no file")
	}
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var stack outputs.Stack
	require.NoError(t, json.Unmarshal(raw, &stack))
	return stack
}

func prove(t *testing.T, stack outputs.Stack) report.Report {
	t.Helper()
	return verify.Run(t.Context(), stack, openEngine(t), func(c report.Check) {
		t.Logf("%-18s %-8s %5.1fs %s%s %s", c.Name, c.Status, c.Took.Seconds(), c.Detail, c.Reason, c.Got)
	})
}

// fallen are the names of the checks that did not pass.
func fallen(r report.Report, status report.Status) []string {
	names := []string{}
	for _, c := range r.Checks {
		if c.Status == status {
			names = append(names, c.Name)
		}
	}
	return names
}

func requireAllPassed(t *testing.T, r report.Report) {
	t.Helper()
	require.Len(t, r.Checks, len(verify.Names()))
	require.Empty(t, fallen(r, report.Failed))
	require.Empty(t, fallen(r, report.NotRun))
	require.True(t, r.OK())
}

func TestEveryCheckPassesOnAStackThatIsUp(t *testing.T) {
	requireAllPassed(t, prove(t, runningStack(t)))
}

func TestNoSecretOfTheStackIsInAReport(t *testing.T) {
	stack := runningStack(t)

	shown, err := json.Marshal(prove(t, stack))

	require.NoError(t, err)
	secrets := []string{stack.Keycloak.Admin.Password, stack.Keycloak.Provider.Secret}
	for _, user := range stack.DemoUsers {
		secrets = append(secrets, user.Password)
	}
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		require.False(t, strings.Contains(string(shown), secret), "a secret is in the report")
	}
}

// Without demo users the proof makes its own people and leaves nobody behind.
func TestAStackWithoutDemoUsersIsProvedByPeopleWhoAreGoneAfterwards(t *testing.T) {
	stack := runningStack(t)
	stack.DemoUsers = nil
	before := temporaryUsers(t, stack)

	got := prove(t, stack)

	requireAllPassed(t, got)
	require.Equal(t, before, temporaryUsers(t, stack))
}

func TestAnInterruptedProofLeavesNobodyBehind(t *testing.T) {
	stack := runningStack(t)
	stack.DemoUsers = nil
	before := temporaryUsers(t, stack)
	ctx, interrupt := context.WithCancel(t.Context())

	got := verify.Run(ctx, stack, openEngine(t), func(c report.Check) {
		if c.Name == "login-admin" {
			interrupt()
		}
	})

	require.False(t, got.OK())
	require.Contains(t, fallen(got, report.NotRun), "login-member")
	require.Empty(t, fallen(got, report.Failed))
	require.Equal(t, report.Passed, got.Checks[len(got.Checks)-1].Status)
	require.Equal(t, before, temporaryUsers(t, stack))
}

// temporaryUsers are the users that a proof made, in Keycloak and in MLflow.
func temporaryUsers(t *testing.T, stack outputs.Stack) []string {
	t.Helper()
	client, token := keycloakAdmin(t, stack)
	users, err := client.GetUsers(t.Context(), token, stack.Realm.Name, gocloak.GetUsersParams{Search: gocloak.StringP("mlflow-sso-verify-"), Max: gocloak.IntP(500)})
	require.NoError(t, err)
	var names []string
	for _, user := range users {
		names = append(names, "keycloak: "+gocloak.PString(user.Username))
	}
	script := `
from mlflow_oidc_auth.store import store
for row in store.list_user_details()[1]:
    if row["username"].startswith("mlflow-sso-verify-"):
        print("mlflow: " + row["username"])
`
	listed, err := openEngine(t).Exec(t.Context(), stack.MLflow.Container, []string{"python", "-c", script})
	require.NoError(t, err)
	require.NoError(t, listed.Err())
	names = append(names, strings.Fields(strings.ReplaceAll(listed.Stdout, "mlflow: ", "mlflow:"))...)
	slices.Sort(names)
	return names
}

func keycloakAdmin(t *testing.T, stack outputs.Stack) (*gocloak.GoCloak, string) {
	t.Helper()
	client := gocloak.NewClient(stack.Keycloak.AdminURL)
	token, err := client.LoginClient(context.Background(), stack.Keycloak.Provider.ID, stack.Keycloak.Provider.Secret, "master")
	require.NoError(t, err)
	return client, token.AccessToken
}

// oidcClient is MLflow's client in Keycloak.
func oidcClient(t *testing.T, stack outputs.Stack) *gocloak.Client {
	t.Helper()
	client, token := keycloakAdmin(t, stack)
	found, err := client.GetClients(t.Context(), token, stack.Realm.Name, gocloak.GetClientsParams{ClientID: &stack.Realm.ClientID})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// changeClient changes MLflow's client and sets it back at the end of the test.
func changeClient(t *testing.T, stack outputs.Stack, change func(*gocloak.Client)) {
	t.Helper()
	original, changed := oidcClient(t, stack), oidcClient(t, stack)
	change(changed)
	update := func(ctx context.Context, to *gocloak.Client) error {
		client, token := keycloakAdmin(t, stack)
		return client.UpdateClient(ctx, token, stack.Realm.Name, *to)
	}
	t.Cleanup(func() { require.NoError(t, update(context.Background(), original)) })
	require.NoError(t, update(t.Context(), changed))
}

// removeMapper takes a mapper off MLflow's client until the end of the test.
func removeMapper(t *testing.T, stack outputs.Stack, name string) {
	t.Helper()
	id := *oidcClient(t, stack).ID
	mappers := *oidcClient(t, stack).ProtocolMappers
	at := slices.IndexFunc(mappers, func(m gocloak.ProtocolMapperRepresentation) bool { return gocloak.PString(m.Name) == name })
	require.GreaterOrEqual(t, at, 0, "no mapper %s", name)
	mapper := mappers[at]
	t.Cleanup(func() {
		client, token := keycloakAdmin(t, stack)
		_, err := client.CreateClientProtocolMapper(context.Background(), token, stack.Realm.Name, id, mapper)
		require.NoError(t, err)
	})
	client, token := keycloakAdmin(t, stack)
	require.NoError(t, client.DeleteClientProtocolMapper(t.Context(), token, stack.Realm.Name, id, *mapper.ID))
}

func TestWithoutTheGroupsMapperNobodyGetsInAndTheProofSaysSo(t *testing.T) {
	stack := runningStack(t)
	removeMapper(t, stack, "groups")

	got := prove(t, stack)

	require.Subset(t, fallen(got, report.Failed), []string{"login-admin", "login-member"})
	require.Subset(t, fallen(got, report.NotRun), []string{"admin-route", "groups-claim", "logout"})
}

func TestWithoutTheAudienceMapperTheTokenIsRefusedAndTheProofSaysSo(t *testing.T) {
	stack := runningStack(t)
	removeMapper(t, stack, "audience")

	got := prove(t, stack)

	require.Contains(t, fallen(got, report.Failed), "access-token")
}

func TestAClientThatDoesNotDemandPKCEFailsTheProof(t *testing.T) {
	stack := runningStack(t)
	changeClient(t, stack, func(c *gocloak.Client) { (*c.Attributes)["pkce.code.challenge.method"] = "" })

	require.Equal(t, []string{"pkce"}, fallen(prove(t, stack), report.Failed))
}

func TestAClientThatTakesAnyRedirectURIFailsTheProof(t *testing.T) {
	stack := runningStack(t)
	changeClient(t, stack, func(c *gocloak.Client) { *c.RedirectURIs = append(*c.RedirectURIs, "*") })

	require.Equal(t, []string{"redirect-uri"}, fallen(prove(t, stack), report.Failed))
}

func TestATokenThatDiesTooSoonFailsTheProof(t *testing.T) {
	stack := runningStack(t)
	changeClient(t, stack, func(c *gocloak.Client) { (*c.Attributes)["access.token.lifespan"] = "120" })

	require.Equal(t, []string{"groups-claim"}, fallen(prove(t, stack), report.Failed))
}

func TestAStoppedRedisFailsTheProof(t *testing.T) {
	stack, docker := runningStack(t), openEngine(t)
	name := stack.Redis.Container
	t.Cleanup(func() {
		ctx := context.Background()
		require.NoError(t, docker.API().ContainerStart(ctx, name, container.StartOptions{}))
		require.Eventually(t, func() bool { return ready(ctx, docker, name) }, time.Minute, time.Second)
	})
	require.NoError(t, docker.API().ContainerStop(t.Context(), name, container.StopOptions{}))

	got := prove(t, stack)

	require.Subset(t, fallen(got, report.Failed), []string{"containers", "redis-password"})
	require.False(t, slices.Contains(fallen(got, report.Passed), "permission-cache"))
}

func ready(ctx context.Context, docker *engine.Engine, name string) bool {
	state, err := docker.State(ctx, name)
	return err == nil && state.Ready()
}

func TestADemoUserWithAnotherPasswordFailsTheProof(t *testing.T) {
	stack := runningStack(t)
	require.NotEmpty(t, stack.DemoUsers)
	at := slices.IndexFunc(stack.DemoUsers, func(u outputs.User) bool { return u.Group == stack.Realm.AdminGroup })
	stack.DemoUsers = slices.Clone(stack.DemoUsers)
	stack.DemoUsers[at].Password = fmt.Sprint("changed-", time.Now().UnixNano())

	got := prove(t, stack)

	require.Equal(t, []string{"login-admin"}, fallen(got, report.Failed))
	require.Equal(t, []string{"admin-route"}, fallen(got, report.NotRun))
}

func TestALogoutThatDoesNotComeBackFailsTheProof(t *testing.T) {
	stack := runningStack(t)
	changeClient(t, stack, func(c *gocloak.Client) { (*c.Attributes)["post.logout.redirect.uris"] = "-" })

	require.Contains(t, fallen(prove(t, stack), report.Failed), "logout")
}

// userID is somebody's id in a realm of Keycloak.
func userID(t *testing.T, stack outputs.Stack, realm, username string) string {
	t.Helper()
	client, token := keycloakAdmin(t, stack)
	found, err := client.GetUsers(t.Context(), token, realm, gocloak.GetUsersParams{Username: &username, Exact: gocloak.BoolP(true)})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return gocloak.PString(found[0].ID)
}

func TestAnOutsiderWhoIsLetInFailsTheProof(t *testing.T) {
	stack, docker := runningStack(t), openEngine(t)
	at := slices.IndexFunc(stack.DemoUsers, func(u outputs.User) bool { return u.Group == "" })
	require.GreaterOrEqual(t, at, 0)
	outsider := stack.DemoUsers[at]
	id := userID(t, stack, stack.Realm.Name, outsider.Username)
	client, token := keycloakAdmin(t, stack)
	group, err := client.GetGroupByPath(t.Context(), token, stack.Realm.Name, stack.Realm.UserGroup)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.Background()
		client, token := keycloakAdmin(t, stack)
		require.NoError(t, client.DeleteUserFromGroup(ctx, token, stack.Realm.Name, id, *group.ID))
		script := "import sys; from mlflow_oidc_auth.store import store; store.delete_user(sys.argv[1])"
		gone, err := docker.Exec(ctx, stack.MLflow.Container, []string{"python", "-c", script, outsider.Email})
		require.NoError(t, err)
		require.NoError(t, gone.Err())
	})
	require.NoError(t, client.AddUserToGroup(t.Context(), token, stack.Realm.Name, id, *group.ID))

	require.Equal(t, []string{"login-outsider"}, fallen(prove(t, stack), report.Failed))
}

func TestAKeycloakWithItsTutorialPasswordFailsTheProof(t *testing.T) {
	stack := runningStack(t)
	admin := stack.Keycloak.Admin
	id := userID(t, stack, "master", admin.Username)
	set := func(ctx context.Context, password string) error {
		client, token := keycloakAdmin(t, stack)
		return client.SetPassword(ctx, token, id, "master", password, false)
	}
	t.Cleanup(func() { require.NoError(t, set(context.Background(), admin.Password)) })
	require.NoError(t, set(t.Context(), "admin"))

	require.Equal(t, []string{"default-passwords"}, fallen(prove(t, stack), report.Failed))
}
