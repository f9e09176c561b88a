//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/drift"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmbaseline"
)

var update = flag.Bool("update", false, "write the baseline of a realm from the shared stack, and fail")

// keycloakEditor is an administrator at the admin API of the stack's realm.
type keycloakEditor struct {
	t        *testing.T
	deployed outputs.Stack
}

// send sends one request; it returns what was created, or the requested document.
func (h keycloakEditor) send(method, path string, body any) any {
	h.t.Helper()
	client, token := keycloakAdmin(h.t, h.deployed)
	request := client.GetRequestWithBearerAuth(context.Background(), token)
	if body != nil {
		request = request.SetBody(body)
	}
	answer, err := request.Execute(method, h.deployed.Keycloak.AdminURL+"/admin/realms/"+h.deployed.Realm.Name+path)
	require.NoError(h.t, err)
	require.Less(h.t, answer.StatusCode(), 300, "%s %s: %s", method, path, answer.Body())
	if method == http.MethodPost {
		location := answer.Header().Get("Location")
		return location[strings.LastIndex(location, "/")+1:]
	}
	var document any
	if len(answer.Body()) > 0 {
		require.NoError(h.t, json.Unmarshal(answer.Body(), &document))
	}
	return document
}

// makes creates something that is removed again.
func (h keycloakEditor) makes(path string, body any) func() {
	id := h.send(http.MethodPost, path, body).(string)
	return func() { h.send(http.MethodDelete, path+"/"+id, nil) }
}

// sets members of a document, and sets them back. The attributes are set one by one.
func (h keycloakEditor) sets(path string, change map[string]any) func() {
	document := h.send(http.MethodGet, path, nil).(map[string]any)
	before, after := map[string]any{}, map[string]any{}
	for key, value := range document {
		before[key], after[key] = value, value
	}
	for key, value := range change {
		after[key] = value
	}
	h.send(http.MethodPut, path, after)
	return func() {
		for key := range change {
			if _, had := before[key]; !had {
				before[key] = nil
			}
		}
		h.send(http.MethodPut, path, before)
	}
}

// one is the ID of an object in a list, by one of its members.
func (h keycloakEditor) one(path, key, value string) string {
	for _, member := range h.send(http.MethodGet, path, nil).([]any) {
		if member := member.(map[string]any); member[key] == value {
			return member["id"].(string)
		}
	}
	require.Fail(h.t, "nothing there", "%s in %s", value, path)
	return ""
}

type change struct {
	// named is drift's name of it, up to the next step.
	named string
	// does makes the change, and returns what reverts it.
	does func(h keycloakEditor) func()
}

func put(path func(h keycloakEditor) string, body func(h keycloakEditor) any, undo string) func(keycloakEditor) func() {
	return func(h keycloakEditor) func() {
		at := path(h)
		h.send(http.MethodPut, at, body(h))
		return func() { h.send(undo, at, nil) }
	}
}

func nothing(keycloakEditor) any { return nil }

func (h keycloakEditor) client(id string) string {
	return "/clients/" + h.one("/clients?clientId="+id, "clientId", id)
}
func (h keycloakEditor) scope(name string) string { return h.one("/client-scopes", "name", name) }
func (h keycloakEditor) group(name string) string { return "/groups/" + h.one("/groups", "name", name) }

func (h keycloakEditor) user(name string) string {
	return "/users/" + h.one("/users?exact=true&username="+name, "username", name)
}

// gives assigns a role for the realm's own administration to a user or a group.
func gives(whom func(h keycloakEditor) string) func(keycloakEditor) func() {
	return func(h keycloakEditor) func() {
		at := h.client("realm-management")
		role := h.send(http.MethodGet, at+"/roles/view-users", nil)
		path := whom(h) + "/role-mappings" + at
		h.post(path, []any{role})
		return func() { h.send(http.MethodDelete, path, []any{role}) }
	}
}

// post creates something that has no address.
func (h keycloakEditor) post(path string, body any) {
	client, token := keycloakAdmin(h.t, h.deployed)
	answer, err := client.GetRequestWithBearerAuth(context.Background(), token).SetBody(body).
		Post(h.deployed.Keycloak.AdminURL + "/admin/realms/" + h.deployed.Realm.Name + path)
	require.NoError(h.t, err)
	require.Less(h.t, answer.StatusCode(), 300, "%s: %s", path, answer.Body())
}

func mapper(name string) map[string]any {
	return map[string]any{
		"name": name, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
		"config": map[string]string{"claim.name": "groups2", "claim.value": "x", "jsonType.label": "String", "access.token.claim": "true"},
	}
}

const notByTheStack = ": not created by the stack"

// manualChanges are those that Pulumi's refresh does not see.
var manualChanges = []change{
	{"realm clients mlflow protocolMappers extra" + notByTheStack, func(h keycloakEditor) func() {
		return h.makes(h.client("mlflow")+"/protocol-mappers/models", mapper("extra"))
	}},
	{"realm clientScopes profile protocolMappers extra" + notByTheStack, func(h keycloakEditor) func() {
		return h.makes("/client-scopes/"+h.scope("profile")+"/protocol-mappers/models", mapper("extra"))
	}},
	{`realm clients mlflow: changed manually; attributes / pkce.code.challenge.method: got "plain", want "S256"; consentRequired: got true, want false; optionalClientScopes: got ["address","microprofile-jwt","offline_access","organization","phone","service_account"], want ["address","microprofile-jwt","offline_access","organization","phone"]`, func(h keycloakEditor) func() {
		scope := h.client("mlflow") + "/optional-client-scopes/" + h.scope("service_account")
		h.send(http.MethodPut, scope, nil)
		back := h.sets(h.client("mlflow"), map[string]any{
			"consentRequired": true, "attributes": map[string]any{"pkce.code.challenge.method": "plain"},
		})
		return func() { back(); h.send(http.MethodDelete, scope, nil) }
	}},
	{"realm clients other" + notByTheStack, func(h keycloakEditor) func() {
		return h.makes("/clients", map[string]any{"clientId": "other", "publicClient": true})
	}},
	{"realm groups others" + notByTheStack, func(h keycloakEditor) func() {
		return h.makes("/groups", map[string]any{"name": "others"})
	}},
	{"realm groups mlflow-users: changed manually; subGroups / below / name: got \"below\", want none; subGroups / below / path: got \"/mlflow-users/below\", want none", func(h keycloakEditor) func() {
		h.post(h.group("mlflow-users")+"/children", map[string]any{"name": "below"})
		id := h.one(h.group("mlflow-users")+"/children", "name", "below")
		return func() { h.send(http.MethodDelete, "/groups/"+id, nil) }
	}},
	{
		`realm groups mlflow-admins: changed manually; clientRoles / realm-management: got ["view-users"], want none`,
		gives(func(h keycloakEditor) string { return h.group("mlflow-admins") }),
	},
	{"user demo-outsider in group mlflow-admins" + notByTheStack + "; may administer MLflow", put(func(h keycloakEditor) string {
		return h.user("demo-outsider") + h.group("mlflow-admins")
	}, nothing, http.MethodDelete)},
	{"user demo-outsider" + notByTheStack + "; has roles of realm-management (view-users)", gives(func(h keycloakEditor) string { return h.user("demo-outsider") })},
	{"realm roles realm extra" + notByTheStack, func(h keycloakEditor) func() {
		h.post("/roles", map[string]any{"name": "extra"})
		return func() { h.send(http.MethodDelete, "/roles/extra", nil) }
	}},
	{"realm identityProviders other" + notByTheStack, func(h keycloakEditor) func() {
		return h.makes("/identity-provider/instances", map[string]any{"alias": "other", "providerId": "oidc", "config": map[string]string{
			"clientId": "x", "clientSecret": unseen, "authorizationUrl": "http://x.example.com/a", "tokenUrl": "http://x.example.com/t",
		}})
	}},
	{"realm components org.keycloak.keys.KeyProvider own" + notByTheStack, func(h keycloakEditor) func() {
		return h.makes("/components", map[string]any{
			"name": "own", "providerId": "hmac-generated", "providerType": "org.keycloak.keys.KeyProvider",
			"config": map[string][]string{"priority": {"1"}, "algorithm": {"HS256"}},
		})
	}},
	{"realm components org.keycloak.storage.UserStorageProvider ldap" + notByTheStack, func(h keycloakEditor) func() {
		return h.makes("/components", map[string]any{
			"name": "ldap", "providerId": "ldap", "providerType": "org.keycloak.storage.UserStorageProvider",
			"config": map[string][]string{
				"enabled": {"false"}, "vendor": {"other"}, "connectionUrl": {"ldap://x.example.com"}, "usersDn": {"ou=x"}, "bindDn": {"cn=x"},
				"bindCredential": {unseen}, "editMode": {"READ_ONLY"}, "usernameLDAPAttribute": {"uid"}, "rdnLDAPAttribute": {"uid"},
				"uuidLDAPAttribute": {"entryUUID"}, "userObjectClasses": {"person"},
			},
		})
	}},
	{`realm authenticationFlows browser: changed manually; authenticationExecutions / 1 / requirement: got "DISABLED", want "ALTERNATIVE"`, func(h keycloakEditor) func() {
		const path = "/authentication/flows/browser/executions"
		var execution map[string]any
		for _, one := range h.send(http.MethodGet, path, nil).([]any) {
			if one := one.(map[string]any); one["providerId"] == "auth-cookie" {
				execution = one
			}
		}
		was := execution["requirement"]
		execution["requirement"] = "DISABLED"
		h.send(http.MethodPut, path, execution)
		return func() { execution["requirement"] = was; h.send(http.MethodPut, path, execution) }
	}},
	{"realm requiredActions TERMS_AND_CONDITIONS: changed manually; enabled: got true, want false", func(h keycloakEditor) func() {
		return h.sets("/authentication/required-actions/TERMS_AND_CONDITIONS", map[string]any{"enabled": true})
	}},
	{`realm settings: changed manually; accessTokenLifespan: got 7200, want 300; browserFlow: got "registration", want "browser"; rememberMe: got true, want false; verifyEmail: got true, want false`, func(h keycloakEditor) func() {
		return h.sets("", map[string]any{"accessTokenLifespan": 7200, "rememberMe": true, "verifyEmail": true, "browserFlow": "registration"})
	}},
	{`realm components org.keycloak.userprofile.UserProfileProvider 1: changed manually; config / kc.user.profile.config / unmanagedAttributePolicy: got "ENABLED", want none`, func(h keycloakEditor) func() {
		return h.sets("/users/profile", map[string]any{"unmanagedAttributePolicy": "ENABLED"})
	}},
}

// unseen is a secret that no difference may show.
const unseen = "a-secret-that-no-report-shows"

// named are lines of drift up to the next step.
func namedIn(stdout string) []string {
	var all []string
	for line := range strings.Lines(stdout) {
		text := strings.TrimSpace(line)
		if at := strings.LastIndex(text, "; "); at > 0 {
			text = text[:at]
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// Pulumi checks only what it created. Each change is reported, nothing else is, and nothing is
// left when all are reverted.
func TestEveryManualChangeInTheRealmIsNamedByDriftAndNothingElseIs(t *testing.T) {
	nightly(t)
	l := sharedLab(t)
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
	h := keycloakEditor{t, runningStack(t)}
	var want []string
	var back []func()
	undo := func() {
		slices.Reverse(back)
		for _, one := range back {
			one()
		}
		back = nil
	}
	t.Cleanup(undo)
	for _, c := range manualChanges {
		want, back = append(want, c.named), append(back, c.does(h))
	}
	slices.Sort(want)

	got, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 3, got.code, got.stderr)
	require.Equal(t, want, namedIn(got.stdout))
	require.NotContains(t, got.stdout+got.stderr, unseen)

	undo()
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
}

func TestAnUnmanagedContainerOnTheDataNetworkIsDrift(t *testing.T) {
	l := sharedLab(t)
	id := guest(t, openEngine(t), baseImage(), l.name+"-data")
	seen, err := openEngine(t).API().ContainerInspect(t.Context(), id)
	require.NoError(t, err)

	got, err := l.run(t.Context(), "drift")

	require.NoError(t, err)
	require.Equal(t, 3, got.code, got.stderr)
	name := strings.TrimPrefix(seen.Name, "/")
	require.Equal(t, []string{"container " + name + notByTheStack + "; is on network " + l.name + "-data"}, namedIn(got.stdout))

	// The same as a finding, whose command leaves no drift.
	machine, err := l.run(t.Context(), "drift", "--output", "json")
	require.NoError(t, err)
	require.Equal(t, 3, machine.code, machine.stderr)
	var read struct{ Findings []check.Finding }
	require.NoError(t, json.Unmarshal([]byte(machine.stdout), &read))
	require.Len(t, read.Findings, 1)
	require.Equal(t, drift.ContainerUnmanaged, read.Findings[0].ID)
	fix := strings.Fields(read.Findings[0].Fix)
	require.Equal(t, []string{"docker", "network", "disconnect", "-f", l.name + "-data", name}, fix)
	require.NoError(t, openEngine(t).API().NetworkDisconnect(t.Context(), fix[4], fix[5], true))
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
}

// A realm of either kind equals the baseline; `go test -update` records the shared stack's.
func TestTheRealmOfANewStackIsTheBaseline(t *testing.T) {
	nightly(t)
	if *update {
		deployed := runningStack(t)
		realm, err := realmbaseline.Open(t.Context(), deployed, realmbaseline.Managed{})
		require.NoError(t, err)
		seen, err := realm.Baseline(t.Context())
		require.NoError(t, err)
		text, err := json.MarshalIndent(seen, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(sharedLab(t).root, "internal", "keycloak", "realmbaseline", "baseline.json"), append(text, '\n'), 0o600))
		t.Fatal("wrote the baseline: read what has changed in it, build the tool, and run again without -update")
	}
	onEveryLab(t, func(t *testing.T, l *lab, _ outputs.Stack) {
		require.Contains(t, l.must(t, "drift").stdout, "no drift")
	})
}
