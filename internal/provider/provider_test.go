package provider

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
)

// recorder records the inputs of a program's resources.
type recorder struct {
	mutex  sync.Mutex
	inputs map[string]resource.PropertyMap
}

func (r *recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.inputs[args.TypeToken] = args.Inputs
	return args.Name, args.Inputs, nil
}

func (*recorder) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// programInputs are the inputs of one resource of each type, as the constructors register it.
func programInputs(t *testing.T) map[string]resource.PropertyMap {
	t.Helper()
	r := &recorder{inputs: map[string]resource.PropertyMap{}}
	require.NoError(t, pulumi.RunErr(func(ctx *pulumi.Context) error {
		master, err := identity.NewAdminRealm(ctx, "m", &identity.AdminRealmArgs{EventsExpiration: time.Hour, AdminPassword: pulumi.String("the first")})
		require.NoError(t, err)
		_, err = identity.NewBuiltinClient(ctx, "b", &identity.BuiltinClientArgs{Realm: pulumi.String("mlflow"), ClientID: "admin-cli"})
		require.NoError(t, err)
		_, err = identity.NewClientRoles(ctx, "r", &identity.ClientRolesArgs{
			Realm: pulumi.String("mlflow"), Account: pulumi.String("sync"), Subject: pulumi.String("sync-user"), Owner: identity.RealmManagement, Roles: []string{identity.ViewUsers},
		})
		require.NoError(t, err)
		_, err = identity.NewPassword(ctx, "p", &identity.PasswordArgs{
			Realm: pulumi.String("mlflow"), Username: pulumi.String("demo-admin"), Password: pulumi.String("the second"), Version: "1.2",
		})
		require.NoError(t, err)
		_, err = identity.NewGroupMembers(ctx, "g", &identity.GroupMembersArgs{Realm: pulumi.String("mlflow"), Group: pulumi.String("team"), Members: []string{"mel", "ada"}})
		require.NoError(t, err)
		_, err = identity.NewClientSecret(ctx, "s", &identity.ClientSecretArgs{
			ClientID: fakeClient, Secret: pulumi.String("the third"), Previous: pulumi.StringArray{pulumi.String("the second"), pulumi.String(fakeSecret)}, Version: "1.3", Ready: master,
		})
		require.NoError(t, err)
		own, err := identity.NewProvider(ctx, "o", &identity.ProviderArgs{URL: "http://127.0.0.1:1", ClientID: "c", Secret: pulumi.String("s")})
		require.NoError(t, err)
		_, err = loginproof.New(ctx, "l", &loginproof.Args{
			Provider: own, Mode: loginproof.OnChange, Outputs: pulumi.Map{"deployment": pulumi.String("d")}, Triggers: pulumi.StringMap{"realm": pulumi.String("1")},
		})
		require.NoError(t, err)
		registerDataKeys(t, ctx, own)
		return nil
	}, pulumi.WithMocks("p", "s", r)))
	return r.inputs
}

var identityTypes = []string{identity.AdminRealmType, identity.BuiltinClientType, identity.ClientRolesType, identity.PasswordType, identity.GroupMembersType}

func configured(t *testing.T, url, secret string) (*server, *[]string) {
	t.Helper()
	var warnings []string
	s := newServer(newLoginProofs(false))
	s.warn = func(_ context.Context, _ resource.URN, text string) { warnings = append(warnings, text) }
	config := resource.PropertyMap{
		"url": resource.NewProperty(url), "clientId": resource.NewProperty(fakeClient), "clientSecret": resource.MakeSecret(resource.NewProperty(secret)),
	}
	checked, err := s.CheckConfig(t.Context(), plugin.CheckConfigRequest{News: config})
	require.NoError(t, err)
	require.Empty(t, checked.Failures)
	_, err = s.Configure(t.Context(), plugin.ConfigureRequest{Inputs: checked.Properties})
	require.NoError(t, err)
	return s, &warnings
}

func create(t *testing.T, s *server, kind string, inputs resource.PropertyMap) plugin.CreateResponse {
	t.Helper()
	checked, err := s.Check(t.Context(), plugin.CheckRequest{Type: tokens.Type(kind), News: inputs})
	require.NoError(t, err)
	require.Empty(t, checked.Failures, kind)
	made, err := s.Create(t.Context(), plugin.CreateRequest{Type: tokens.Type(kind), Properties: checked.Properties})
	require.NoError(t, err, kind)
	return made
}

func read(t *testing.T, s *server, kind string, inputs resource.PropertyMap) resource.PropertyMap {
	t.Helper()
	found, err := s.Read(t.Context(), plugin.ReadRequest{Type: tokens.Type(kind), ID: "id", Inputs: inputs, State: inputs})
	require.NoError(t, err)
	return found.Inputs
}

func differing(t *testing.T, s *server, kind string, before, after resource.PropertyMap) []resource.PropertyKey {
	t.Helper()
	found, err := s.Diff(t.Context(), plugin.DiffRequest{Type: tokens.Type(kind), OldInputs: before, NewInputs: after})
	require.NoError(t, err)
	require.Empty(t, found.ReplaceKeys)
	return found.ChangedKeys
}

func TestObjectsInKeycloakAreAdoptedOnceAndThenUnchanged(t *testing.T) {
	f, inputs := newFakeKeycloak(t), programInputs(t)
	s, warnings := configured(t, f.URL, fakeSecret)
	for _, kind := range identityTypes {
		create(t, s, kind, inputs[kind])
	}
	master := f.realms["master"]
	require.Equal(t, false, master["rememberMe"])
	require.Equal(t, true, master["bruteForceProtected"])
	require.Equal(t, "stays", master["attributes"].(map[string]any)["of.another"])
	require.Equal(t, "admin", f.users["master"][0]["username"])
	require.Equal(t, false, f.clients["mlflow"][0]["enabled"])
	require.Equal(t, []map[string]any{{"id": "r1", "name": "view-users"}}, f.roles)
	require.Equal(t, []string{"the second"}, f.passwords)

	before := f.changes
	for _, kind := range identityTypes {
		create(t, s, kind, inputs[kind])
		require.Empty(t, differing(t, s, kind, read(t, s, kind, inputs[kind]), inputs[kind]), kind)
		_, err := s.Delete(t.Context(), plugin.DeleteRequest{Type: tokens.Type(kind), Inputs: inputs[kind]})
		require.NoError(t, err)
	}
	require.Equal(t, before, f.changes, "what is as it should be is not written, and a deletion opens nothing")
	require.Empty(t, *warnings)
}

func TestARefreshNamesEveryManualChangeAndTheNextUpdateRevertsIt(t *testing.T) {
	f, inputs := newFakeKeycloak(t), programInputs(t)
	s, _ := configured(t, f.URL, fakeSecret)
	for _, kind := range identityTypes {
		create(t, s, kind, inputs[kind])
	}
	for name, test := range map[string]struct {
		kind string
		do   func()
		want []resource.PropertyKey
	}{
		"a setting":        {identity.AdminRealmType, func() { f.realms["master"]["failureFactor"] = 30 }, []resource.PropertyKey{"failureFactor"}},
		"a list":           {identity.AdminRealmType, func() { f.realms["master"]["eventsListeners"] = []string{} }, []resource.PropertyKey{"eventsListeners"}},
		"an address":       {identity.AdminRealmType, func() { f.realms["master"]["attributes"].(map[string]any)["frontendUrl"] = "http://x" }, []resource.PropertyKey{"frontendUrl"}},
		"no administrator": {identity.AdminRealmType, func() { f.users["master"] = nil }, []resource.PropertyKey{"permanentAdmin"}},
		"an expired administrator": {identity.AdminRealmType, func() {
			f.users["master"] = append(f.users["master"], map[string]any{
				"id": "t1", "username": "console-x", "attributes": map[string][]string{"mlflow-sso-console-until": {"2020-01-01T00:00:00Z"}},
			})
		}, []resource.PropertyKey{"expiredAdmins"}},
		"the user profile":    {identity.AdminRealmType, func() { f.profile["attributes"] = []any{} }, []resource.PropertyKey{"temporaryAdminsExpire"}},
		"an enabled client":   {identity.BuiltinClientType, func() { f.clients["mlflow"][0]["enabled"] = true }, []resource.PropertyKey{"enabled"}},
		"a role too many":     {identity.ClientRolesType, func() { f.roles = append(f.roles, map[string]any{"id": "r3", "name": "realm-admin"}) }, []resource.PropertyKey{"roles"}},
		"no role":             {identity.ClientRolesType, func() { f.roles = []map[string]any{} }, []resource.PropertyKey{"roles"}},
		"a member too many":   {identity.GroupMembersType, func() { f.joins("u9", "eve") }, []resource.PropertyKey{"unlisted"}},
		"an earlier password": {identity.PasswordType, func() { f.clients["master"][0]["attributes"] = map[string]any{} }, []resource.PropertyKey{"edition"}},
	} {
		t.Run(name, func(t *testing.T) {
			f.mu.Lock()
			test.do()
			f.mu.Unlock()
			now := read(t, s, test.kind, inputs[test.kind])
			require.Equal(t, test.want, differing(t, s, test.kind, now, inputs[test.kind]))
			_, err := s.Update(t.Context(), plugin.UpdateRequest{Type: tokens.Type(test.kind), OldInputs: now, NewInputs: inputs[test.kind]})
			require.NoError(t, err)
			require.Empty(t, differing(t, s, test.kind, read(t, s, test.kind, inputs[test.kind]), inputs[test.kind]))
		})
	}
}

func TestAMissingRealmOrClientIsNotTreatedAsCorrect(t *testing.T) {
	f, inputs := newFakeKeycloak(t), programInputs(t)
	s, _ := configured(t, f.URL, fakeSecret)
	for _, kind := range identityTypes {
		create(t, s, kind, inputs[kind])
	}
	f.clients["mlflow"] = f.clients["mlflow"][:1]
	require.Equal(t, []resource.PropertyKey{"roles"}, differing(t, s, identity.ClientRolesType, read(t, s, identity.ClientRolesType, inputs[identity.ClientRolesType]), inputs[identity.ClientRolesType]))
	_, err := s.Create(t.Context(), plugin.CreateRequest{Type: identity.ClientRolesType, Properties: inputs[identity.ClientRolesType]})
	require.ErrorContains(t, err, "got no client sync")
	delete(f.realms, "mlflow")
	require.Nil(t, read(t, s, identity.BuiltinClientType, inputs[identity.BuiltinClientType]))
}

// The update after a refresh restores Keycloak, or sets the rotated secret.
func TestAnUnreachableKeycloakIsReportedAndNeverTreatedAsEmpty(t *testing.T) {
	f, inputs := newFakeKeycloak(t), programInputs(t)
	for name, at := range map[string]struct{ url, secret string }{"not running": {"http://127.0.0.1:1", fakeSecret}, "with another secret": {f.URL, "rotated"}} {
		t.Run(name, func(t *testing.T) {
			s, warnings := configured(t, at.url, at.secret)
			for _, kind := range identityTypes {
				require.Equal(t, inputs[kind], read(t, s, kind, inputs[kind]), kind)
				_, err := s.Create(t.Context(), plugin.CreateRequest{Type: tokens.Type(kind), Properties: inputs[kind]})
				require.Error(t, err, kind)
				require.NotContains(t, err.Error(), at.secret)
			}
			require.Len(t, *warnings, len(identityTypes))
		})
	}
}

func TestAPreviewAsksNothingOfKeycloak(t *testing.T) {
	inputs := programInputs(t)
	s, warnings := configured(t, "http://127.0.0.1:1", fakeSecret)
	for _, kind := range identityTypes {
		checked, err := s.Check(t.Context(), plugin.CheckRequest{Type: tokens.Type(kind), News: inputs[kind]})
		require.NoError(t, err)
		require.Empty(t, checked.Failures)
		_, err = s.Create(t.Context(), plugin.CreateRequest{Type: tokens.Type(kind), Properties: checked.Properties, Preview: true})
		require.NoError(t, err)
		_, err = s.Update(t.Context(), plugin.UpdateRequest{Type: tokens.Type(kind), NewInputs: checked.Properties, Preview: true})
		require.NoError(t, err)
	}
	require.Empty(t, *warnings)
}

func TestTheSchemaHasEveryTypeAndInputThatTheProgramRegisters(t *testing.T) {
	s := newServer(newLoginProofs(false))
	got, err := s.GetSchema(t.Context(), plugin.GetSchemaRequest{})
	require.NoError(t, err)
	type object struct {
		InputProperties map[string]struct {
			Secret bool `json:"secret"`
		} `json:"inputProperties"`
		RequiredInputs []string `json:"requiredInputs"`
	}
	var schema struct {
		Resources map[string]object `json:"resources"`
		Provider  object            `json:"provider"`
	}
	require.NoError(t, json.Unmarshal(got.Schema, &schema))
	require.Len(t, schema.Resources, len(s.kinds))
	for kind := range s.kinds {
		require.Contains(t, schema.Resources, string(kind))
	}
	for kind, inputs := range programInputs(t) {
		described := schema.Provider
		if slices.Contains(append(slices.Clone(identityTypes), identity.ClientSecretType, loginproof.TypeToken, mlflow.EncryptionKeyType, backup.RepositoryKeyType), kind) {
			described = schema.Resources[kind]
		}
		for name, value := range inputs {
			property, ok := described.InputProperties[string(name)]
			require.True(t, ok, "%s of %s", name, kind)
			require.Equal(t, property.Secret, value.ContainsSecrets(), "%s of %s", name, kind)
		}
		require.Subset(t, slices.Collect(maps.Keys(toStrings(inputs))), described.RequiredInputs, kind)
	}
}

func toStrings(inputs resource.PropertyMap) map[string]bool {
	names := map[string]bool{}
	for name := range inputs {
		names[string(name)] = true
	}
	return names
}

func TestEveryMistakeInTheInputsIsReportedByItsProperty(t *testing.T) {
	inputs := programInputs(t)
	s := newServer(newLoginProofs(false))
	for name, test := range map[string]struct {
		kind string
		edit func(resource.PropertyMap)
		want resource.PropertyKey
	}{
		"a misspelt setting":  {identity.AdminRealmType, func(p resource.PropertyMap) { p["rememberMee"] = resource.NewProperty(true) }, "rememberMee"},
		"a missing setting":   {identity.AdminRealmType, func(p resource.PropertyMap) { delete(p, "rememberMe") }, "rememberMe"},
		"a text for a number": {identity.AdminRealmType, func(p resource.PropertyMap) { p["failureFactor"] = resource.NewProperty("10") }, "failureFactor"},
		"no first password":   {identity.AdminRealmType, func(p resource.PropertyMap) { delete(p, "adminPassword") }, "adminPassword"},
		"no client":           {identity.BuiltinClientType, func(p resource.PropertyMap) { delete(p, "clientId") }, "clientId"},
		"no role":             {identity.ClientRolesType, func(p resource.PropertyMap) { p["roles"] = property(nil) }, "roles"},
		"no secret":           {identity.ClientSecretType, func(p resource.PropertyMap) { delete(p, "secret") }, "secret"},
		"no list of members":  {identity.GroupMembersType, func(p resource.PropertyMap) { delete(p, "members") }, "members"},
		"an unlisted member":  {identity.GroupMembersType, func(p resource.PropertyMap) { p["unlisted"] = property([]string{"eve"}) }, "unlisted"},
		"a key of nothing":    {mlflow.EncryptionKeyType, func(p resource.PropertyMap) { p["label"] = resource.NewProperty("redis/default") }, "label"},
		"a key of no version": {mlflow.EncryptionKeyType, func(p resource.PropertyMap) { p["edition"] = resource.NewProperty("2") }, "edition"},
		"no previous keys":    {mlflow.EncryptionKeyType, func(p resource.PropertyMap) { delete(p, "previous") }, "previous"},
		"an unknown version": {backup.RepositoryKeyType, func(p resource.PropertyMap) {
			p["previous"] = resource.NewProperty(resource.PropertyMap{"first": resource.NewProperty("x")})
		}, "previous"},
		"no passphrase":        {backup.RepositoryKeyType, func(p resource.PropertyMap) { delete(p, "passphraseFile") }, "passphraseFile"},
		"a password of no one": {identity.PasswordType, func(p resource.PropertyMap) { p["username"] = resource.NewProperty("") }, "username"},
	} {
		t.Run(name, func(t *testing.T) {
			edited := inputs[test.kind].Copy()
			test.edit(edited)
			checked, err := s.Check(t.Context(), plugin.CheckRequest{Type: tokens.Type(test.kind), News: edited})
			require.NoError(t, err)
			require.Len(t, checked.Failures, 1)
			require.Equal(t, test.want, checked.Failures[0].Property)
		})
	}
	_, err := s.Check(t.Context(), plugin.CheckRequest{Type: "mlflow-sso:identity:Unknown"})
	require.ErrorContains(t, err, "make plugin", "a plugin of another version")
	some := resource.NewProperty("x")
	for _, config := range []resource.PropertyMap{{"clientId": some}, {"url": some, "container": some}} {
		checked, err := s.CheckConfig(t.Context(), plugin.CheckConfigRequest{News: config})
		require.NoError(t, err)
		require.Len(t, checked.Failures, 1)
	}
	checkedEmpty, err := s.CheckConfig(t.Context(), plugin.CheckConfigRequest{News: resource.PropertyMap{}})
	require.NoError(t, err)
	require.Empty(t, checkedEmpty.Failures, "resources that need no service have a provider, too")
}

// A provider without a client does not log in, so resources that need a login cannot use it.
func TestAResourceIsCreatedOnlyWithAProviderThatHasWhatItNeeds(t *testing.T) {
	some := resource.NewProperty("x")
	for name, test := range map[string]struct {
		config resource.PropertyMap
		has    []need
	}{
		"nothing":               {resource.PropertyMap{}, nil},
		"an address":            {resource.PropertyMap{"url": some}, []need{keycloakAddress}},
		"Keycloak":              {resource.PropertyMap{"url": some, "clientId": some, "clientSecret": some}, []need{keycloakAddress, keycloakAdmin}},
		"a container":           {resource.PropertyMap{"container": some}, nil},
		"MLflow":                {resource.PropertyMap{"container": some, "clientId": some, "clientSecret": some}, []need{mlflowAdmin}},
		"what is not known yet": {resource.PropertyMap{"url": resource.MakeComputed(some)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(newLoginProofs(false))
			_, err := s.Configure(t.Context(), plugin.ConfigureRequest{Inputs: test.config})
			require.NoError(t, err)
			for _, of := range []need{keycloakAddress, keycloakAdmin, mlflowAdmin} {
				require.Equal(t, slices.Contains(test.has, of), s.at.has(of), of)
			}
			require.True(t, s.at.has(nothing))
		})
	}
	s, _ := configured(t, "http://127.0.0.1:1", fakeSecret)
	_, err := s.Create(t.Context(), plugin.CreateRequest{Type: "mlflow-sso:permissions:AccessAdmin", Properties: resource.PropertyMap{"subject": resource.NewProperty("s")}})
	require.ErrorContains(t, err, "configured for another service")
}
