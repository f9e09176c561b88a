package realmbaseline

import (
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// seenByRefresh are paths whose manual changes Pulumi's refresh reports, by measurement; see
// decision 18. It is not enough that the program sets a property: the provider sets PKCE's method
// and never reads it. A path includes everything below it.
func seenByRefresh(accounts []string) []string {
	client := "clients" + pathSeparator + realm.ClientID + pathSeparator
	// The provider reads only these settings of a mapper. It does not notice that a mapper has
	// changed its type, which keeps the settings and may add any claim.
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

// profile is the user profile, a document within the document.
const profile = "components" + pathSeparator + "org.keycloak.userprofile.UserProfileProvider" + pathSeparator + "1" + pathSeparator + "config" + pathSeparator + profileConfig

const profileConfig = "kc.user.profile.config"

// seenByAdminRealm are paths that package adminrealm reports.
func seenByAdminRealm() []string {
	return []string{"clients" + pathSeparator + "admin-cli" + pathSeparator + "enabled", "clients" + pathSeparator + "security-admin-console" + pathSeparator + "enabled"}
}

// reportedByOthers reports whether another package or Pulumi reports a path of a realm with these
// service accounts.
func reportedByOthers(path string, accounts ...string) bool {
	return slices.ContainsFunc(append(seenByRefresh(accounts), seenByAdminRealm()...), func(known string) bool {
		return path == known || strings.HasPrefix(path, known+pathSeparator)
	})
}

// withoutMissing omits missing objects that the program creates, which Pulumi reports.
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
