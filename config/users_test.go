package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const document = `{"issuer":"https://id.example.com/","authorization_endpoint":"https://id.example.com/a","token_endpoint":"https://id.example.com/t","jwks_uri":"https://id.example.com/k"}`

// peopled are settings with users, mail and a provider, and their secrets.
func peopled(t *testing.T) (values map[string]string, secrets []string) {
	t.Helper()
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	secrets = []string{"mail-9e107d9d372bb6826bd81d3542a419d6", "oidc-9e107d9d372bb6826bd81d3542a419d6", "ldap-9e107d9d372bb6826bd81d3542a419d6"}
	values = localhost()
	values["mlflow-sso:realm"] = fmt.Sprintf(`{"sslRequired":"none","groups":["team"],"managedGroups":["team"],
		"mail":{"host":"smtp.example.com","from":"mlflow@example.com","username":"mailer","passwordFile":%q}}`, write("mail", secrets[0]))
	values["mlflow-sso:users"] = `[{"username":"ada","email":"ada@example.com","groups":["mlflow-admins","team"]},
		{"username":"bob","email":"bob@example.com","groups":["mlflow-users"],"enabled":false}]`
	values["mlflow-sso:identityProviders"] = fmt.Sprintf(`[{"alias":"company","groups":{"staff":"mlflow-users"},"trustEmail":true,
		"oidc":{"metadataFile":%q,"clientID":"stack","clientSecretFile":%q}},
		{"alias":"directory","groups":{"mlflow-users":"mlflow-users"},"trustEmail":true,
		"ldap":{"host":"ldap.example.com","bindDN":"cn=reader,dc=example","bindPasswordFile":%q,"usersDN":"ou=people,dc=example","groupsDN":"ou=groups,dc=example"}}]`,
		write("company.json", document), write("oidc", secrets[1]), write("ldap", secrets[2]))
	return values, secrets
}

func TestPeopleAreEnabledAndMailIsEncryptedUnlessTheSettingsSayOtherwise(t *testing.T) {
	values, secrets := peopled(t)
	c, err := parse(values)
	require.NoError(t, err)
	require.True(t, c.Users[0].Enabled)
	require.False(t, c.Users[1].Enabled)
	require.Equal(t, []string{"ada"}, c.UsersInGroup("team"))
	require.Equal(t, "smtp.example.com:587", c.Realm.Mail.Server().String())
	require.True(t, c.Realm.Mail.TLS)
	require.Equal(t, "groups", c.IdentityProviders[0].OIDC.GroupsClaim)
	require.Equal(t, "company", c.IdentityProviders[0].DisplayTitle())
	require.False(t, c.ConfirmsEmail())
	require.Equal(t, "ldaps://ldap.example.com:636", c.IdentityProviders[1].LDAP.URL())
	require.Equal(t, "uid", c.IdentityProviders[1].LDAP.UsernameAttribute)
	require.Equal(t, []string{KindOIDC, KindLDAP}, []string{c.IdentityProviders[0].Kind(), c.IdentityProviders[1].Kind()})
	held := fmt.Sprintf("%+v %+v %+v %+v", c, c.Realm.Mail, c.IdentityProviders[0].OIDC, c.IdentityProviders[1].LDAP)
	for _, secret := range secrets {
		require.NotContains(t, held, secret)
	}

	c, err = parse(localhost())
	require.NoError(t, err)
	require.Empty(t, c.Users)
	require.Nil(t, c.Realm.Mail)
	require.Empty(t, c.IdentityProviders)
	require.False(t, c.ConfirmsEmail())
}

// from is replaced with to in the settings of peopled.
func TestEveryMistakeAboutPeopleNamesItsKeyWhatWasGotAndWhatIsWanted(t *testing.T) {
	for name, test := range map[string]struct {
		key, from, to string
		want          []string
	}{
		"no list":               {"users", `[{"username":"ada"`, `{"users":[],"x":[{"username":"ada"`, []string{"mlflow-sso:users: got ", "want a list"}},
		"misspelt":              {"users", `"email":"ada`, `"mail":"ada`, []string{"mlflow-sso:users[0].mail: unknown setting, want one of username, email,"}},
		"typed password":        {"users", `"username":"bob"`, `"password":"hunter2hunter2hunter2","username":"bob"`, []string{"mlflow-sso:users[1].password: ", "No secret is typed"}},
		"big letters":           {"users", `"ada"`, `"Ada"`, []string{"mlflow-sso:users[0].username: ", `got "Ada"`, "lower-case letters"}},
		"twice":                 {"users", `"bob"`, `"ada"`, []string{"mlflow-sso:users[1].username: ", `got "ada" twice`}},
		"one address":           {"users", `bob@`, `ada@`, []string{"mlflow-sso:users[1].email: ", "which ada has too", "MLflow identifies users by it"}},
		"no address":            {"users", `bob@example.com`, `bob`, []string{"mlflow-sso:users[1].email: ", `got "bob"`}},
		"address with a name":   {"users", `bob@example.com`, `Bob <bob@example.com>`, []string{"mlflow-sso:users[1].email: "}},
		"a machine":             {"users", `"bob"`, `"service-account-ci"`, []string{"mlflow-sso:users[1].username: ", "accounts of machines"}},
		"sign in a name":        {"users", `"username":"bob"`, `"firstName":"<b>","username":"bob"`, []string{"mlflow-sso:users[1].firstName: ", "refuses"}},
		"unknown group":         {"users", `"team"`, `"teem"`, []string{"mlflow-sso:users[0].groups: ", `got "teem"`, "want one of mlflow-admins, mlflow-users, team", "realm.groups"}},
		"group twice":           {"users", `"team"`, `"mlflow-admins"`, []string{"mlflow-sso:users[0].groups: ", `got "mlflow-admins" twice`}},
		"no way in":             {"users", `["mlflow-users"]`, `["team"]`, []string{"mlflow-sso:users[1].groups: ", "for bob, want mlflow-users or mlflow-admins"}},
		"group's name":          {"realm", `"groups":["team"]`, `"groups":["a/b"]`, []string{"mlflow-sso:realm.groups: ", `got "a/b"`}},
		"group that is there":   {"realm", `"groups":["team"]`, `"groups":["team","mlflow-users"]`, []string{"mlflow-sso:realm.groups: ", "always exists"}},
		"exclusive of nothing":  {"realm", `"managedGroups":["team"]`, `"managedGroups":["none"]`, []string{"mlflow-sso:realm.managedGroups: ", `got "none"`}},
		"mail without TLS":      {"realm", `"from"`, `"tls":false,"from"`, []string{"mlflow-sso:realm.mail: ", "got tls false"}},
		"mail without sender":   {"realm", `mlflow@example.com`, `mlflow`, []string{"mlflow-sso:realm.mail.from: ", `got "mlflow"`}},
		"mail without a login":  {"realm", `"username":"mailer",`, ``, []string{"mlflow-sso:realm.mail.username: ", "passwordFile is set"}},
		"mail without password": {"realm", `"passwordFile":"`, `"passwordFile":"/nowhere`, []string{"mlflow-sso:realm.mail.passwordFile: ", "directory that does not exist"}},
		"alias":                 {"identityProviders", `"company"`, `"The Company"`, []string{"mlflow-sso:identityProviders[0].alias: ", `got "The Company"`}},
		"unknown kind":          {"identityProviders", `"oidc":`, `"radius":`, []string{"mlflow-sso:identityProviders[0].radius: unknown setting", "identityProviders[0]"}},
		"provider's group":      {"identityProviders", `"staff":"mlflow-users"`, `"staff":"mlflow-user"`, []string{"mlflow-sso:identityProviders[0].groups: ", `got "mlflow-user"`, "realm.groups"}},
		"no mapped group":       {"identityProviders", `{"staff":"mlflow-users"}`, `{}`, []string{"mlflow-sso:identityProviders[0].groups: ", "every user would be refused"}},
		"exclusive and mapped":  {"identityProviders", `"staff":"mlflow-users"`, `"staff":"mlflow-users","x":"team"`, []string{"mlflow-sso:identityProviders[0].groups: ", `got "team", which is in realm.managedGroups`}},
		"typed secret":          {"identityProviders", `"clientID"`, `"clientSecret":"hunter2hunter2hunter2","clientID"`, []string{"mlflow-sso:identityProviders[0].oidc.clientSecret: ", "No secret is typed"}},
		"no secret":             {"identityProviders", `"clientSecretFile"`, `"clientSecretFile":"","x"`, []string{"mlflow-sso:identityProviders[0].oidc.x: unknown"}},
		"no metadata":           {"identityProviders", `"metadataFile":"`, `"metadataFile":"x`, []string{"mlflow-sso:identityProviders[0].oidc.metadataFile: ", "want the absolute path"}},
		"no client":             {"identityProviders", `"stack"`, `""`, []string{"mlflow-sso:identityProviders[0].oidc.clientID: "}},
		"both kinds":            {"identityProviders", `"ldap":{`, `"oidc":{},"ldap":{`, []string{"mlflow-sso:identityProviders[1]: ", "want one of them"}},
		"neither kind":          {"identityProviders", `"ldap":{`, `"displayName":"x"},{"ldap":{`, []string{"mlflow-sso:identityProviders[1]: ", "want one of them"}},
		"provider twice":        {"identityProviders", `"directory"`, `"company"`, []string{"mlflow-sso:identityProviders[1].alias: ", `got "company" twice`}},
		"directory here":        {"identityProviders", `ldap.example.com`, `localhost`, []string{"mlflow-sso:identityProviders[1].ldap: ", "in a container is that container"}},
		"reader's name":         {"identityProviders", `cn=reader,dc=example`, `reader`, []string{"mlflow-sso:identityProviders[1].ldap.bindDN: ", `got "reader"`}},
		"no people":             {"identityProviders", `ou=people,dc=example`, ``, []string{"mlflow-sso:identityProviders[1].ldap.usersDN: ", `got ""`}},
		"filter":                {"identityProviders", `"bindDN"`, `"filter":"uid=*","bindDN"`, []string{"mlflow-sso:identityProviders[1].ldap.filter: ", "in brackets"}},
		"half a filter":         {"identityProviders", `"bindDN"`, `"filter":"((uid=*)","bindDN"`, []string{"mlflow-sso:identityProviders[1].ldap.filter: "}},
		"attribute":             {"identityProviders", `"bindDN"`, `"usernameAttribute":"a b","bindDN"`, []string{"mlflow-sso:identityProviders[1].ldap.usernameAttribute: "}},
		"another name":          {"identityProviders", `"mlflow-users":"mlflow-users"`, `"staff":"mlflow-users"`, []string{"mlflow-sso:identityProviders[1].groups: ", "the same name on both sides"}},
		"typed bind password":   {"identityProviders", `"bindDN"`, `"bindPassword":"hunter2hunter2hunter2","bindDN"`, []string{"mlflow-sso:identityProviders[1].ldap.bindPassword: ", "No secret is typed"}},
		"no saml metadata":      {"identityProviders", `"oidc":{"metadataFile"`, `"saml":{"metadataFile"`, []string{"mlflow-sso:identityProviders[0].saml.clientID: unknown setting"}},
		"scopes":                {"identityProviders", `"clientID"`, `"scopes":"email","clientID"`, []string{"mlflow-sso:identityProviders[0].oidc.scopes: ", "with openid among them"}},
	} {
		t.Run(name, func(t *testing.T) {
			values, secrets := peopled(t)
			before := values["mlflow-sso:"+test.key]
			require.Contains(t, before, test.from)
			values["mlflow-sso:"+test.key] = strings.Replace(before, test.from, test.to, 1)
			if name == "no list" {
				values["mlflow-sso:users"] += "}"
			}
			c, err := parse(values)
			require.Nil(t, c)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			for _, secret := range append(secrets, "hunter2") {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// Without a mail server, users cannot confirm an address that the provider has not verified.
func TestAnUnverifiedAddressNeedsAMailServer(t *testing.T) {
	values, _ := peopled(t)
	values["mlflow-sso:identityProviders"] = strings.Replace(values["mlflow-sso:identityProviders"], `"trustEmail":true,`, ``, 1)
	c, err := parse(values)
	require.NoError(t, err)
	require.True(t, c.ConfirmsEmail())

	values["mlflow-sso:realm"] = `{"sslRequired":"none","groups":["team"]}`
	_, err = parse(values)
	require.ErrorContains(t, err, "mlflow-sso:identityProviders[0].trustEmail: got false while realm.mail is not set")
}

// A man in the middle could log in as any user.
func TestEverythingThatAProviderPublishesIsHTTPS(t *testing.T) {
	path := filepath.Join(t.TempDir(), "company.json")
	for _, endpoint := range []string{"https://id.example.com/\"", "https://id.example.com/a", "https://id.example.com/t", "https://id.example.com/k"} {
		for _, change := range [][2]string{{"https", "http"}, {endpoint, strings.Repeat(`"`, strings.Count(endpoint, `"`))}} {
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(document, endpoint, strings.Replace(endpoint, change[0], change[1], 1), 1)), 0o600))
			_, err := ReadDiscovery(path)
			require.Error(t, err, "%s", change)
		}
	}
	require.NoError(t, os.WriteFile(path, []byte("<html>"), 0o600))
	_, err := ReadDiscovery(path)
	require.ErrorContains(t, err, "is not the JSON document")
}
