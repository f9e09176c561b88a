//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/login"
)

// All users of a company, by OpenID Connect: one is an administrator, one a member, one is in no
// mapped group, and one has another user's address.
func peopleOfAnOpenIDProviderGetAccessByItsGroupsAndTakeOverNoAccount(t *testing.T) {
	l, o := peopled.up(t), newOutside(t)
	deployed := peopled.deployed
	s := changes(t, l)
	c := startCompany(t, o, deployed.Realm.Issuer+"/broker/company/endpoint")
	metadata := c.publishes(t, "/realms/company/.well-known/openid-configuration", "company.json")
	provider := fmt.Sprintf(`  mlflow-sso:images: {keycloak: "%s"}
  mlflow-sso:identityProviders:
    - alias: company
      displayName: The Company
      groups: {ml-admins: mlflow-admins, ml people: mlflow-users}
      trustEmail: true
      oidc: {metadataFile: %s, clientID: mlflow-stack, clientSecretFile: %s/company, groupsClaim: roles}
`, o.trusting, metadata, o.secrets)
	companyLetsIn(t, s, c, provider)
}

// The same users by SAML, which returns by forms that the browser submits.
func peopleOfASAMLProviderGetAccessByItsGroupsAndTakeOverNoAccount(t *testing.T) {
	_, o := peopled.up(t), newOutside(t)
	deployed := peopled.deployed
	s := changes(t, peopled.lab)
	c := startCompany(t, o, deployed.Realm.Issuer+"/broker/company/endpoint")
	const descriptor = "/realms/company/protocol/saml/descriptor"
	metadata := c.publishes(t, descriptor, "company.xml")
	companyLetsIn(t, s, c, fmt.Sprintf(`  mlflow-sso:images: {keycloak: "%s"}
  mlflow-sso:identityProviders:
    - alias: company
      displayName: The Company
      groups: {ml-admins: mlflow-admins, ml people: mlflow-users}
      trustEmail: true
      saml: {metadataFile: %s, metadataURL: "%s", groupsAttribute: roles, emailAttribute: mail}
`, o.trusting, metadata, c.url+descriptor))
}

// companyLetsIn requires the right access for each user of a stack with the company as provider.
func companyLetsIn(t *testing.T, s *settings, c *company, provider string) {
	t.Helper()
	l, o, deployed := peopled.lab, c.o, peopled.deployed
	t.Cleanup(func() { peopleLeave(t, deployed, "company.") })
	got := s.up(t, "", provider)
	require.NotContains(t, got.stdout+got.stderr, c.secret)
	isNowhere(t, c.secret, c.password)

	logsIn := func(username string) string {
		b, page := c.visitor(t)
		page = c.by(t, b, page, "company", username)
		if text := said(page); text != "" {
			return text
		}
		return arrives(t, deployed, b, page)
	}
	// A user who was here before, by another provider, can log in again once the identity sync
	// has seen them.
	comesIn := func(username, as string) {
		require.Eventually(t, func() bool { return logsIn(username) == as }, 2*time.Minute, 3*time.Second, "%s does not come in as %s", username, as)
	}
	comesIn("olga", "administrator olga@company.example")
	comesIn("mia", "member mia@company.example")
	require.Equal(t, refusal, logsIn("nils"))
	require.Contains(t, logsIn("thief"), "already exists")
	require.Equal(t, "administrator olga@company.example", logsIn("olga"), "the second time, too")

	// What matches the settings is not drift, and all other checks pass.
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
	again, err := l.outputs(t.Context())
	require.NoError(t, err)
	requireAllPassed(t, prove(t, again))
	require.Contains(t, login.Suite(again, nil).IDs(), login.IdentityProviders)
	requireHealthy(t, l)

	// A provider that does not respond is found.
	require.NoError(t, o.docker.API().ContainerStop(t.Context(), c.id, container.StopOptions{}))
	sick, err := l.run(t.Context(), "doctor", "--output", "json")
	require.NoError(t, err)
	require.Contains(t, sick.stdout, "provider-unreachable")
	require.Contains(t, fallen(prove(t, again), check.StatusFailed), "identity-providers")
}

// peopleLeave removes users of a provider from Keycloak: they stay when the provider is removed.
func peopleLeave(t *testing.T, deployed outputs.Stack, prefix string) {
	t.Helper()
	client, token := keycloakAdmin(t, deployed)
	found, err := client.GetUsers(context.Background(), token, deployed.Realm.Name, gocloak.GetUsersParams{Username: &prefix})
	require.NoError(t, err)
	for _, who := range found {
		if strings.HasPrefix(*who.Username, prefix) {
			require.NoError(t, client.DeleteUser(context.Background(), token, deployed.Realm.Name, *who.ID))
		}
	}
}
