package realmbaseline

import (
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// pulumis are what Pulumi's refresh was seen to name when it was changed by hand;
// decision 18 has the measurement. That the program sets something is not enough: its
// provider sets PKCE's method and never reads it.
// A path stands for all below it.
func pulumis(accounts []string) []string {
	client := "clients" + between + realm.ClientID + between
	// Of a mapper its provider reads these settings alone. It does not see that one has
	// become a mapper of another kind, which keeps them and says what it likes.
	groups := client + "protocolMappers" + between + "groups" + between + "config" + between
	audience := client + "protocolMappers" + between + "audience" + between + "config" + between
	all := []string{
		"enabled", "displayName", "sslRequired", "duplicateEmailsAllowed", "registrationAllowed", "editUsernameAllowed",
		"loginWithEmailAllowed", "resetPasswordAllowed", "passwordPolicy", "bruteForceProtected", "failureFactor",
		"waitIncrementSeconds", "maxFailureWaitSeconds", "maxDeltaTimeSeconds", "quickLoginCheckMilliSeconds",
		"minimumQuickLoginWaitSeconds", "permanentLockout", "ssoSessionIdleTimeout", "ssoSessionMaxLifespan",
		"attributes" + between + "adminEventsExpiration",
		"defaultSignatureAlgorithm", "internationalizationEnabled", "supportedLocales", "defaultLocale", "loginTheme",
		"offlineSessionMaxLifespanEnabled", "revokeRefreshToken", "smtpServer", "userManagedAccessAllowed",
		"eventsEnabled", "eventsExpiration", "adminEventsEnabled", "adminEventsDetailsEnabled", "eventsListeners",
		groups + "full.path", groups + "claim.name", groups + "id.token.claim", groups + "access.token.claim", groups + "userinfo.token.claim",
		audience + "included.client.audience", audience + "id.token.claim", audience + "access.token.claim",
		profile + between + "attributes",
		// Keycloak itself adds or drops these whenever somebody saves the client.
		groups + "multivalued", groups + "introspection.token.claim", audience + "introspection.token.claim",
	}
	for _, id := range append([]string{realm.ClientID}, accounts...) {
		client := "clients" + between + id + between
		all = append(all,
			client+"enabled", client+"name", client+"secret", client+"publicClient", client+"bearerOnly",
			client+"standardFlowEnabled", client+"implicitFlowEnabled", client+"directAccessGrantsEnabled",
			client+"serviceAccountsEnabled", client+"fullScopeAllowed", client+"redirectUris", client+"webOrigins", client+"baseUrl",
			client+"attributes"+between+"oauth2.device.authorization.grant.enabled",
			client+"attributes"+between+"post.logout.redirect.uris",
			client+"attributes"+between+"access.token.lifespan",
		)
	}
	if len(accounts) > 0 {
		mappers := scopeOfMachines + between + "protocolMappers" + between
		for _, config := range []string{"groups" + between + "config" + between, "audience" + between + "config" + between} {
			for _, known := range []string{
				"full.path", "claim.name", "id.token.claim", "access.token.claim", "userinfo.token.claim", "included.client.audience",
				"multivalued", "introspection.token.claim",
			} {
				all = append(all, mappers+config+known)
			}
		}
	}
	return all
}

// profile is what people of the realm have, a document within the document.
const profile = "components" + between + "org.keycloak.userprofile.UserProfileProvider" + between + "1" + between + "config" + between + profileConfig

const profileConfig = "kc.user.profile.config"

// masters are what package master tells.
func masters() []string {
	return []string{"clients" + between + "admin-cli" + between + "enabled", "clients" + between + "security-admin-console" + between + "enabled"}
}

// elsewhere says whether somebody else tells about a path of a realm with these
// service accounts.
func elsewhere(path string, accounts ...string) bool {
	return slices.ContainsFunc(append(pulumis(accounts), masters()...), func(known string) bool {
		return path == known || strings.HasPrefix(path, known+between)
	})
}

// withoutGone leaves out what the program makes and is gone, which Pulumi tells.
func withoutGone(all []report.Change, accounts ...string) []report.Change {
	client := "realm clients " + realm.ClientID
	made := []string{client, client + " protocolMappers groups", client + " protocolMappers audience", "realm groups " + realm.AdminGroup, "realm groups " + realm.UserGroup}
	for _, name := range accounts {
		made = append(made, "realm clients "+name, "realm users "+realm.MachineUser(name))
	}
	for _, mapper := range []string{"", " protocolMappers groups", " protocolMappers audience"} {
		made = append(made, "realm clientScopes "+realm.MachineScope+mapper)
	}
	return slices.DeleteFunc(all, func(c report.Change) bool {
		return c.Outcome == report.Gone && slices.Contains(made, c.Resource)
	})
}
