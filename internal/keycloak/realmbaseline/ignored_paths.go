package realmbaseline

import (
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// seenByRefresh are what Pulumi's refresh was seen to name when it was changed manually;
// decision 18 has the measurement. That the program sets something is not enough: its
// provider sets PKCE's method and never reads it.
// A path stands for all below it.
func seenByRefresh(accounts []string) []string {
	client := "clients" + pathSeparator + realm.ClientID + pathSeparator
	// Of a mapper its provider reads these settings alone. It does not see that one has
	// become a mapper of another kind, which keeps them and says what it likes.
	groups := client + "protocolMappers" + pathSeparator + "groups" + pathSeparator + "config" + pathSeparator
	audience := client + "protocolMappers" + pathSeparator + "audience" + pathSeparator + "config" + pathSeparator
	all := []string{
		"enabled", "displayName", "sslRequired", "duplicateEmailsAllowed", "registrationAllowed", "editUsernameAllowed",
		"loginWithEmailAllowed", "resetPasswordAllowed", "passwordPolicy", "bruteForceProtected", "failureFactor",
		"waitIncrementSeconds", "maxFailureWaitSeconds", "maxDeltaTimeSeconds", "quickLoginCheckMilliSeconds",
		"minimumQuickLoginWaitSeconds", "permanentLockout", "ssoSessionIdleTimeout", "ssoSessionMaxLifespan",
		"attributes" + pathSeparator + "adminEventsExpiration",
		"defaultSignatureAlgorithm", "internationalizationEnabled", "supportedLocales", "defaultLocale", "loginTheme",
		"offlineSessionMaxLifespanEnabled", "revokeRefreshToken", "smtpServer", "userManagedAccessAllowed",
		"eventsEnabled", "eventsExpiration", "adminEventsEnabled", "adminEventsDetailsEnabled", "eventsListeners",
		groups + "full.path", groups + "claim.name", groups + "id.token.claim", groups + "access.token.claim", groups + "userinfo.token.claim",
		audience + "included.client.audience", audience + "id.token.claim", audience + "access.token.claim",
		profile + pathSeparator + "attributes",
		// Keycloak itself adds or drops these whenever a user saves the client.
		groups + "multivalued", groups + "introspection.token.claim", audience + "introspection.token.claim",
	}
	for _, id := range append([]string{realm.ClientID}, accounts...) {
		client := "clients" + pathSeparator + id + pathSeparator
		all = append(all,
			client+"enabled", client+"name", client+"secret", client+"publicClient", client+"bearerOnly",
			client+"standardFlowEnabled", client+"implicitFlowEnabled", client+"directAccessGrantsEnabled",
			client+"serviceAccountsEnabled", client+"fullScopeAllowed", client+"redirectUris", client+"webOrigins", client+"baseUrl",
			client+"attributes"+pathSeparator+"oauth2.device.authorization.grant.enabled",
			client+"attributes"+pathSeparator+"post.logout.redirect.uris",
			client+"attributes"+pathSeparator+"access.token.lifespan",
		)
	}
	if len(accounts) > 0 {
		mappers := scopeOfMachines + pathSeparator + "protocolMappers" + pathSeparator
		for _, config := range []string{"groups" + pathSeparator + "config" + pathSeparator, "audience" + pathSeparator + "config" + pathSeparator} {
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
const profile = "components" + pathSeparator + "org.keycloak.userprofile.UserProfileProvider" + pathSeparator + "1" + pathSeparator + "config" + pathSeparator + profileConfig

const profileConfig = "kc.user.profile.config"

// seenByAdminRealm are what package adminrealm reports.
func seenByAdminRealm() []string {
	return []string{"clients" + pathSeparator + "admin-cli" + pathSeparator + "enabled", "clients" + pathSeparator + "security-admin-console" + pathSeparator + "enabled"}
}

// reportedByOthers says whether another package or Pulumi reports a path of a realm with these
// service accounts.
func reportedByOthers(path string, accounts ...string) bool {
	return slices.ContainsFunc(append(seenByRefresh(accounts), seenByAdminRealm()...), func(known string) bool {
		return path == known || strings.HasPrefix(path, known+pathSeparator)
	})
}

// withoutMissing leaves out what the program makes and is gone, which Pulumi reports.
func withoutMissing(all []check.Finding, accounts ...string) []check.Finding {
	client := "realm clients " + realm.ClientID
	made := []string{client, client + " protocolMappers groups", client + " protocolMappers audience", "realm groups " + realm.AdminGroup, "realm groups " + realm.UserGroup}
	for _, name := range accounts {
		made = append(made, "realm clients "+name, "realm users "+realm.ServiceAccountUsername(name))
	}
	for _, mapper := range []string{"", " protocolMappers groups", " protocolMappers audience"} {
		made = append(made, "realm clientScopes "+realm.ServiceAccountScope+mapper)
	}
	return slices.DeleteFunc(all, func(f check.Finding) bool {
		return f.ID == ObjectMissing && slices.Contains(made, f.Cause)
	})
}
