//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// oidcClient is MLflow's client in Keycloak.
func oidcClient(t *testing.T, stack outputs.Stack) *gocloak.Client {
	t.Helper()
	client, token := keycloakAdmin(t, stack)
	found, err := client.GetClients(t.Context(), token, stack.Realm.Name, gocloak.GetClientsParams{ClientID: &stack.Realm.ClientID})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// changeClient changes MLflow's client and restores it at the end of the test.
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

// removeMapper removes a mapper from MLflow's client until the end of the test.
func removeMapper(t *testing.T, stack outputs.Stack, name string) {
	t.Helper()
	id := *oidcClient(t, stack).ID
	mapper := deleteMapper(t, stack, name)
	t.Cleanup(func() {
		client, token := keycloakAdmin(t, stack)
		_, err := client.CreateClientProtocolMapper(context.Background(), token, stack.Realm.Name, id, mapper)
		require.NoError(t, err)
	})
}

// deleteMapper deletes a mapper of MLflow's client, and returns it.
func deleteMapper(t *testing.T, stack outputs.Stack, name string) gocloak.ProtocolMapperRepresentation {
	t.Helper()
	id := *oidcClient(t, stack).ID
	mappers := *oidcClient(t, stack).ProtocolMappers
	at := slices.IndexFunc(mappers, func(m gocloak.ProtocolMapperRepresentation) bool { return gocloak.PString(m.Name) == name })
	require.GreaterOrEqual(t, at, 0, "no mapper %s", name)
	client, token := keycloakAdmin(t, stack)
	require.NoError(t, client.DeleteClientProtocolMapper(t.Context(), token, stack.Realm.Name, id, *mappers[at].ID))
	return mappers[at]
}

func TestWithoutTheGroupsMapperNoUserGetsAccessAndTheProofSaysSo(t *testing.T) {
	stack := runningStack(t)
	removeMapper(t, stack, "groups")

	got := prove(t, stack)

	require.Subset(t, fallen(got, check.StatusFailed), []string{"login-admin", "login-member"})
	require.Subset(t, fallen(got, check.StatusNotRun), []string{"admin-route", "groups-claim", "logout"})
}

func TestWithoutTheAudienceMapperTheTokenIsRefusedAndTheProofSaysSo(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	removeMapper(t, stack, "audience")

	got := prove(t, stack)

	require.Contains(t, fallen(got, check.StatusFailed), "access-token")
}

func TestAClientThatDoesNotDemandPKCEFailsTheProof(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	changeClient(t, stack, func(c *gocloak.Client) { (*c.Attributes)["pkce.code.challenge.method"] = "" })

	require.Equal(t, []string{"pkce"}, fallen(prove(t, stack), check.StatusFailed))
}

func TestAClientThatAcceptsAnyRedirectURIFailsTheProof(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	changeClient(t, stack, func(c *gocloak.Client) { *c.RedirectURIs = append(*c.RedirectURIs, "*") })

	require.Equal(t, []string{"redirect-uri"}, fallen(prove(t, stack), check.StatusFailed))
}

func TestATokenThatDiesTooSoonFailsTheProof(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	changeClient(t, stack, func(c *gocloak.Client) { (*c.Attributes)["access.token.lifespan"] = "120" })

	require.Equal(t, []string{"groups-claim"}, fallen(prove(t, stack), check.StatusFailed))
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

	require.Subset(t, fallen(got, check.StatusFailed), []string{"containers", "redis-password"})
	require.False(t, slices.Contains(fallen(got, check.StatusPassed), "permission-cache"))
}

func ready(ctx context.Context, docker *engine.Engine, name string) bool {
	state, err := docker.State(ctx, name)
	return err == nil && state.Ready()
}

func TestADemoUserWithAnotherPasswordFailsTheProof(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	require.NotEmpty(t, stack.DemoUsers)
	at := slices.IndexFunc(stack.DemoUsers, func(u outputs.User) bool { return u.Group == stack.Realm.AdminGroup })
	stack.DemoUsers = slices.Clone(stack.DemoUsers)
	stack.DemoUsers[at].Password = fmt.Sprint("changed-", time.Now().UnixNano())

	got := prove(t, stack)

	require.Equal(t, []string{"login-admin"}, fallen(got, check.StatusFailed))
	require.Equal(t, []string{"admin-route"}, fallen(got, check.StatusNotRun))
}

func TestALogoutThatDoesNotComeBackFailsTheProof(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	changeClient(t, stack, func(c *gocloak.Client) { (*c.Attributes)["post.logout.redirect.uris"] = "-" })

	require.Contains(t, fallen(prove(t, stack), check.StatusFailed), "logout")
}

// userID is a user's id in a realm of Keycloak.
func userID(t *testing.T, stack outputs.Stack, realm, username string) string {
	t.Helper()
	client, token := keycloakAdmin(t, stack)
	found, err := client.GetUsers(t.Context(), token, realm, gocloak.GetUsersParams{Username: &username, Exact: gocloak.BoolP(true)})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return gocloak.PString(found[0].ID)
}

func TestAnOutsiderWithAccessFailsTheProof(t *testing.T) {
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

	require.Equal(t, []string{"login-outsider"}, fallen(prove(t, stack), check.StatusFailed))
}

func TestAKeycloakWithItsTutorialPasswordFailsTheProof(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	admin := stack.Keycloak.Admin
	id := userID(t, stack, "master", admin.Username)
	set := func(ctx context.Context, password string) error {
		client, token := keycloakAdmin(t, stack)
		return client.SetPassword(ctx, token, id, "master", password, false)
	}
	t.Cleanup(func() { require.NoError(t, set(context.Background(), admin.Password)) })
	require.NoError(t, set(t.Context(), "admin"))

	require.Equal(t, []string{"default-passwords"}, fallen(prove(t, stack), check.StatusFailed))
}
