//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/login"
)

// realmDocument is a realm as Keycloak's admin API shows it.
func realmDocument(t *testing.T, deployed outputs.Stack, realm string) map[string]any {
	t.Helper()
	client, token := keycloakAdmin(t, deployed)
	answer, err := client.GetRequestWithBearerAuth(context.Background(), token).Get(deployed.Keycloak.AdminURL + "/admin/realms/" + realm)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode())
	var document map[string]any
	require.NoError(t, json.Unmarshal(answer.Body(), &document))
	return document
}

func changeRealm(t *testing.T, deployed outputs.Stack, realm string, change map[string]any) {
	t.Helper()
	client, token := keycloakAdmin(t, deployed)
	answer, err := client.GetRequestWithBearerAuth(context.Background(), token).SetBody(change).Put(deployed.Keycloak.AdminURL + "/admin/realms/" + realm)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, answer.StatusCode(), "%s", answer.Body())
}

func TestAChangeInRealmMasterIsDriftAndTheNextUpFixesItAlone(t *testing.T) {
	nightly(t)
	onEveryLab(t, changeInRealmMaster)
}

func changeInRealmMaster(t *testing.T, l *lab, deployed outputs.Stack) {
	before := realmDocument(t, deployed, "master")
	attributes := before["attributes"].(map[string]any)
	attributes["adminEventsExpiration"], attributes["custom.attribute"] = "60", "stays"
	address, has := attributes["frontendUrl"]
	require.Equal(t, deployed.Edge.Exists(), has, "of realm master")
	want := `["adminEventsEnabled" "adminEventsExpiration" "bruteForceProtected" "ssoSessionMaxLifespan"]`
	if has {
		require.Equal(t, deployed.Keycloak.AdminURL, address)
		delete(attributes, "frontendUrl")
		want = strings.Replace(want, ` "ssoS`, ` "frontendUrl" "ssoS`, 1)
	}
	changeRealm(t, deployed, "master", map[string]any{
		"bruteForceProtected": false, "ssoSessionMaxLifespan": 864000, "adminEventsEnabled": false,
		"displayName": "Custom", "attributes": attributes,
	})
	t.Cleanup(func() {
		delete(attributes, "custom.attribute")
		changeRealm(t, deployed, "master", map[string]any{"displayName": before["displayName"], "attributes": attributes})
		l.must(t, "up", "--no-verify")
	})

	got, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 3, got.code)
	require.Contains(t, got.stdout, "realm-master: would be changed for "+want)
	require.Contains(t, fallen(prove(t, deployed), check.StatusFailed), "administrators")

	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "1 changed")

	require.Contains(t, l.must(t, "drift").stdout, "no drift")
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
	after := realmDocument(t, deployed, "master")
	require.Equal(t, "Custom", after["displayName"])
	require.Equal(t, "stays", after["attributes"].(map[string]any)["custom.attribute"])
	for _, document := range []map[string]any{before, after} {
		delete(document, "displayName")
		delete(document["attributes"].(map[string]any), "custom.attribute")
	}
	for _, name := range []string{"adminEventsExpiration", "frontendUrl"} {
		if value, ok := after["attributes"].(map[string]any)[name]; ok {
			attributes[name] = value
		}
	}
	require.Equal(t, before, after, "something else has changed")
}

func TestAnUnknownAdministratorFailsTheProof(t *testing.T) {
	deployed := runningStack(t)
	client, token := keycloakAdmin(t, deployed)
	role, err := client.GetRealmRole(t.Context(), token, "master", "admin")
	require.NoError(t, err)
	// A user with a longer expiry than this tool grants is not this tool's.
	for username, until := range map[string]string{"quiet-one": "", "console-stays": time.Now().AddDate(1, 0, 0).Format(time.RFC3339)} {
		id, err := client.CreateUser(t.Context(), token, "master", gocloak.User{
			Username: &username, Enabled: gocloak.BoolP(true), Attributes: &map[string][]string{"mlflow-sso-console-until": {until}},
		})
		require.NoError(t, err)
		t.Cleanup(func() {
			client, token := keycloakAdmin(t, deployed)
			require.NoError(t, client.DeleteUser(context.Background(), token, "master", id))
		})
		require.NoError(t, client.AddRealmRoleToUser(t.Context(), token, "master", id, []gocloak.Role{*role}))
	}

	got := prove(t, deployed)

	require.Equal(t, []string{"administrators"}, fallen(got, check.StatusFailed))
	for _, c := range got.Checks {
		if c.ID == login.Administrators {
			require.Contains(t, c.Got, `["console-stays" "quiet-one"]`)
		}
	}
}

// standing sets keycloak.permanentAdmin in the stack file.
func (l *lab) standing(t *testing.T, stands string) {
	t.Helper()
	content, err := os.ReadFile(l.file)
	require.NoError(t, err)
	lines := []string{}
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, "permanentAdmin:") {
			continue
		}
		lines = append(lines, line)
		if strings.Contains(line, "mlflow-sso:keycloak:") {
			lines = append(lines, "    permanentAdmin: "+stands+"\n")
		}
	}
	require.NoError(t, os.WriteFile(l.file, []byte(strings.Join(lines, "")), 0o600))
}

func TestAPermanentAdministratorExistsOnlyWhileConfigured(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	l.standing(t, "false")
	l.must(t, "up") // also proves that the program itself still reaches Keycloak
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	require.Empty(t, deployed.Keycloak.Admin)
	require.Empty(t, administrators(t, deployed))
	require.NotContains(t, l.must(t, "credentials").stdout, "/admin/")
	o := l.console(t, "10m")
	require.NotEmpty(t, adminLogin(t, deployed, o.username, o.password))
	require.Zero(t, o.ends(t, syscall.SIGINT))
	require.Empty(t, administrators(t, deployed))

	// Keycloak itself creates no administrator once it has a database.
	l.standing(t, "true")
	l.must(t, "up", "--no-verify")
	deployed, err = l.outputs(t.Context())
	require.NoError(t, err)
	admin := deployed.Keycloak.Admin
	require.Equal(t, []string{admin.Username}, administrators(t, deployed))
	token := adminLogin(t, deployed, admin.Username, admin.Password)
	require.NotEmpty(t, token)
	require.NoError(t, mayAdminister(t, deployed, token))
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
	require.Contains(t, l.must(t, "up").stderr, "no change")

	l.standing(t, "false")
	l.must(t, "up")
	require.Empty(t, administrators(t, deployed))
	require.Empty(t, adminLogin(t, deployed, admin.Username, admin.Password))
	require.Error(t, mayAdminister(t, deployed, token))
}

func TestLoginsAndChangesAreRememberedWithoutTheirSecrets(t *testing.T) {
	nightly(t)
	l := sharedLab(t)
	deployed := runningStack(t)
	began := time.Now()
	_ = signIn(t, deployed, "demo-member")
	o := l.console(t, "10m")
	client, token := keycloakAdmin(t, deployed)
	who := gocloak.User{
		Username: gocloak.StringP("remembered"), Email: gocloak.StringP("remembered@example.com"), Enabled: gocloak.BoolP(true),
		FirstName: gocloak.StringP("R"), LastName: gocloak.StringP("R"),
		Credentials: &[]gocloak.CredentialRepresentation{{Type: gocloak.StringP("password"), Value: gocloak.StringP("first-" + o.password)}},
	}
	id, err := client.CreateUser(t.Context(), token, deployed.Realm.Name, who)
	require.NoError(t, err)
	require.NoError(t, client.SetPassword(t.Context(), token, id, deployed.Realm.Name, "second-"+o.password, false))
	require.NoError(t, client.DeleteUser(t.Context(), token, deployed.Realm.Name, id))
	secrets := []string{o.password, "first-" + o.password, "second-" + o.password, deployed.Keycloak.Provider.Secret, deployed.Keycloak.Admin.Password}
	for _, user := range deployed.DemoUsers {
		secrets = append(secrets, user.Password)
	}
	mlflow := oidcClient(t, deployed)
	require.NotEmpty(t, gocloak.PString(mlflow.Secret))
	secrets = append(secrets, *mlflow.Secret)
	// An update of the client sends its secret.
	require.NoError(t, client.UpdateClient(t.Context(), token, deployed.Realm.Name, *mlflow))

	read := func(realm, path string) string {
		client, token := keycloakAdmin(t, deployed)
		answer, err := client.GetRequestWithBearerAuth(t.Context(), token).SetQueryParam("max", "1000").
			SetQueryParam("dateFrom", began.Format(time.DateOnly)).Get(deployed.Keycloak.AdminURL + "/admin/realms/" + realm + path)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode())
		return string(answer.Body())
	}
	require.Zero(t, o.ends(t, syscall.SIGINT))
	logins, changes := read(deployed.Realm.Name, "/events"), read(deployed.Realm.Name, "/admin-events")
	masterLogins, masterChanges := read("master", "/events"), read("master", "/admin-events")

	require.Contains(t, logins, `"type":"LOGIN"`)
	require.Contains(t, changes, `remembered@example.com`, "the details of a change are missing")
	require.Contains(t, changes, `"operationType":"DELETE"`)
	require.Contains(t, masterLogins, deployed.Keycloak.Provider.ID)
	require.Contains(t, masterChanges, o.username)
	for _, text := range []string{logins, changes, masterLogins, masterChanges} {
		for i, secret := range secrets {
			require.False(t, strings.Contains(text, secret), "secret %d is in the events", i)
		}
	}
}

// Keycloak gives every realm a client for a command line, which accepts passwords from any client
// and needs no form.
func TestAnEnabledAdminClientInTheStacksRealmFailsTheProofAndTheNextUpDisablesIt(t *testing.T) {
	l := sharedLab(t)
	deployed := runningStack(t)
	door := func() *gocloak.Client {
		client, token := keycloakAdmin(t, deployed)
		found, err := client.GetClients(context.Background(), token, deployed.Realm.Name, gocloak.GetClientsParams{ClientID: gocloak.StringP("admin-cli")})
		require.NoError(t, err)
		require.Len(t, found, 1)
		return found[0]
	}
	before := door()
	require.False(t, *before.Enabled)
	opened := *before
	opened.Enabled = gocloak.BoolP(true)
	client, token := keycloakAdmin(t, deployed)
	require.NoError(t, client.UpdateClient(t.Context(), token, deployed.Realm.Name, opened))
	t.Cleanup(func() { l.must(t, "up", "--no-verify") })

	require.Equal(t, []string{"administrators", "password-grant"}, fallen(prove(t, deployed), check.StatusFailed))
	got, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 3, got.code)
	require.Contains(t, got.stdout, `realm-client-admin-cli: would be changed for ["enabled"]`)

	l.must(t, "up", "--no-verify")

	require.Equal(t, before, door(), "something else has changed")
}
