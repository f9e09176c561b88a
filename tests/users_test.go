package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

const (
	oidcType      = "keycloak:oidc/identityProvider:IdentityProvider"
	idpMapperType = "keycloak:index/customIdentityProviderMapping:CustomIdentityProviderMapping"
	directoryType = "keycloak:ldap/userFederation:UserFederation"
	samlType      = "keycloak:saml/identityProvider:IdentityProvider"
	executionType = "keycloak:authentication/execution:Execution"
)

// Secrets of a mail server and of a provider.
var outside = map[string]string{"mail": "m6@:/?#[]&=+%41 $x", "company": "c7@:/?#[]&=+%41 $x", "directory": "d8@:/?#[]&=+%41 $x"}

// recordPeople records dev with users, mail and a provider.
func recordPeople(t *testing.T) *pulumimock.Recording {
	t.Helper()
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	file := map[string]string{}
	documents := map[string]string{"metadata": `{"issuer":"https://id.example.com","authorization_endpoint":"https://id.example.com/a",` +
		`"token_endpoint":"https://id.example.com/t","jwks_uri":"https://id.example.com/k","userinfo_endpoint":"https://id.example.com/u"}`}
	documents["descriptor"] = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://saml.example.com">
		<IDPSSODescriptor><KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>QUJD</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
		<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://saml.example.com/in"/></IDPSSODescriptor></EntityDescriptor>`
	for name, content := range outside {
		documents[name] = content
	}
	folder := t.TempDir()
	for name, content := range documents {
		file[name] = filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(file[name], []byte(content), 0o600))
	}
	values["mlflow-sso:realm"] = fmt.Sprintf(`{"sslRequired":"none","groups":["team"],
		"mail":{"host":"smtp.example.com","from":"a@example.com","username":"mailer","passwordFile":%q}}`, file["mail"])
	values["mlflow-sso:users"] = `[{"username":"ada","email":"ada@example.com","groups":["mlflow-admins","team"]}]`
	values["mlflow-sso:identityProviders"] = fmt.Sprintf(`[{"alias":"company","groups":{"staff":"mlflow-users"},
		"oidc":{"metadataFile":%q,"clientID":"stack","clientSecretFile":%q}},
		{"alias":"partner","groups":{"staff":"mlflow-users"},"trustEmail":true,
		"saml":{"metadataFile":%q,"metadataURL":"https://saml.example.com/metadata","emailAttribute":"mail"}},
		{"alias":"directory","groups":{"mlflow-users":"mlflow-users"},"trustEmail":true,"ldap":{"host":"ldap.example.com","bindDN":"cn=a,dc=b",
		"bindPasswordFile":%q,"usersDN":"ou=c,dc=b","groupsDN":"ou=d,dc=b","filter":"(x=y)"}}]`, file["metadata"], file["company"], file["descriptor"], file["directory"])
	r, err := runWith(t, values)
	require.NoError(t, err)
	return r
}

func TestNoListedUserGetsAPassword(t *testing.T) {
	ada := recordPeople(t).Get(t, userType, "people-ada")
	require.False(t, ada.Has("initialPassword"))
	require.False(t, ada.Has("requiredActions"), "an update would ask for a password again")
	require.Equal(t, "ada@example.com", input(t, ada, "email").Text())
}

func TestListedUsersAreInExactlyTheirGroups(t *testing.T) {
	groups := recordPeople(t).Get(t, userGroupsType, "people-ada-groups")
	require.Equal(t, true, input(t, groups, "exhaustive").Value)
	require.True(t, groups.Has("groupIds[1]"))
	require.False(t, groups.Has("groupIds[2]"))
}

// MLflow identifies a user by the address alone.
func TestNoUserOfAProviderTakesOverAnAccount(t *testing.T) {
	r := recordPeople(t)
	steps := r.OfType(t, executionType)
	require.Len(t, steps, 1, "one step more could join an account that is there")
	require.Equal(t, "idp-create-user-if-unique", input(t, steps[0], "authenticator").Text())
	require.Equal(t, "REQUIRED", input(t, steps[0], "requirement").Text(), "anything else goes on where the address is known")
	provider := r.Get(t, oidcType, "broker-company")
	require.Equal(t, input(t, steps[0], "parentFlowAlias").Text(), input(t, provider, "firstBrokerLoginFlowAlias").Text())
	require.Equal(t, "IMPORT", input(t, provider, "syncMode").Text(), "else the provider could change an address later")
	require.Equal(t, false, input(t, provider, "trustEmail").Value)
	require.Equal(t, true, input(t, provider, "validateSignature").Value)
	require.Equal(t, true, input(t, r.Get(t, realmType, "realm-realm"), "verifyEmail").Value)
	names := r.Get(t, idpMapperType, "broker-company-user names")
	require.True(t, strings.HasPrefix(input(t, names, "extraConfig.template").Text(), "${ALIAS}."), "else a user name could be another user's address")
}

// A SAML response comes through the user's browser.
func TestAnAnswerBySAMLCountsForNothingWithoutTheProvidersSignature(t *testing.T) {
	r := recordPeople(t)
	partner := r.Get(t, samlType, "broker-partner")
	for _, demanded := range []string{"validateSignature", "wantAssertionsSigned"} {
		require.Equal(t, true, input(t, partner, demanded).Value, demanded)
	}
	require.Equal(t, "QUJD", input(t, partner, "signingCertificate").Text())
	require.Equal(t, "https://saml.example.com", input(t, partner, "extraConfig.idpEntityId").Text(), "otherwise another provider's response is accepted")
	require.Equal(t, "https://saml.example.com/in", input(t, partner, "singleSignOnServiceUrl").Text())
	require.Equal(t, input(t, r.Get(t, oidcType, "broker-company"), "firstBrokerLoginFlowAlias").Text(), input(t, partner, "firstBrokerLoginFlowAlias").Text())
	require.Equal(t, "IMPORT", input(t, r.Get(t, idpMapperType, "broker-partner-addresses"), "extraConfig.syncMode").Text(), "else the provider could change an address later")
	require.True(t, strings.HasPrefix(input(t, r.Get(t, idpMapperType, "broker-partner-user names"), "extraConfig.template").Text(), "${ALIAS}."))
	require.Equal(t, "FORCE", input(t, r.Get(t, idpMapperType, "broker-partner-staff"), "extraConfig.syncMode").Text())
}

func TestTheGroupsOfAProviderAreCheckedAtEachLogin(t *testing.T) {
	staff := recordPeople(t).Get(t, idpMapperType, "broker-company-staff")
	require.Equal(t, "FORCE", input(t, staff, "extraConfig.syncMode").Text())
	require.Equal(t, "/mlflow-users", input(t, staff, "extraConfig.group").Text())
	require.JSONEq(t, `[{"key":"groups","value":"staff"}]`, input(t, staff, "extraConfig.claims").Text())
}

func TestADirectoryIsReadOverTLSAndUsersWithoutAnAddressAreExcluded(t *testing.T) {
	directory := recordPeople(t).Get(t, directoryType, "broker-directory")
	require.Equal(t, "ldaps://ldap.example.com:636", input(t, directory, "connectionUrl").Text())
	require.Equal(t, "READ_ONLY", input(t, directory, "editMode").Text())
	require.Equal(t, "(&(mail=*)(x=y))", input(t, directory, "customUserSearchFilter").Text(), "the plugin takes a user name for an address where there is none")
}

func TestSecretsOfMailAndProvidersReachOnlyKeycloakAndAreMarked(t *testing.T) {
	r := recordPeople(t)
	got := map[string][]string{}
	look := func(whose string, leaf pulumimock.Leaf) {
		for name, secret := range outside {
			if strings.Contains(leaf.Text(), secret) {
				got[name] = append(got[name], whose+" "+leaf.Path)
				require.True(t, leaf.Secret, "%s %s is not marked", whose, leaf.Path)
			}
		}
	}
	for _, made := range r.Resources {
		for _, leaf := range append(made.Leaves(), made.Registered()...) {
			look(made.Name, leaf)
		}
	}
	for _, leaf := range r.Outputs() {
		look("output", leaf)
	}
	require.Equal(t, map[string][]string{
		"mail": {"realm-realm smtpServer.auth.password"}, "company": {"broker-company clientSecret"},
		"directory": {"broker-directory bindCredential"},
	}, got)
}

func TestUnconfiguredUsersMailAndProvidersAreNotCreated(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, kind := range []string{oidcType, directoryType, idpMapperType, executionType} {
			require.Empty(t, namesOf(r, kind))
		}
		realm := r.Get(t, realmType, "realm-realm")
		require.False(t, realm.Has("smtpServer"))
		require.False(t, realm.Has("verifyEmail"))
		require.False(t, slices.ContainsFunc(namesOf(r, userType), func(name string) bool { return strings.HasPrefix(name, "people-") }))
	})
}

func TestAManagedGroupHasExactlyTheListedMembers(t *testing.T) {
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	values["mlflow-sso:realm"] = `{"sslRequired":"none","demoUsers":true,"groups":["team"],"managedGroups":["mlflow-admins","team"],"administrators":["root"]}`
	values["mlflow-sso:users"] = `[{"username":"ada","email":"ada@example.com","groups":["mlflow-users","team"]}]`
	r, err := runWith(t, values)
	require.NoError(t, err)
	for name, want := range map[string][]string{"mlflow-admins": {"demo-admin", "root"}, "team": {"ada"}} {
		made := r.Get(t, identity.GroupMembersType, "realm-members-"+name)
		require.Equal(t, name, input(t, made, "group").Text())
		for i, username := range want {
			require.Equal(t, username, input(t, made, fmt.Sprintf("members[%d]", i)).Text())
		}
		require.False(t, made.Has(fmt.Sprintf("members[%d]", len(want))))
		require.False(t, made.Has("unlisted[0]"))
	}
	require.Len(t, r.OfType(t, identity.GroupMembersType), 2)
}
