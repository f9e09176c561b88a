package realmbaseline

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

func flat(t *testing.T, export string) document {
	t.Helper()
	var read map[string]any
	require.NoError(t, json.Unmarshal([]byte(export), &read))
	d, err := flatten(read, strings.NewReplacer("http://localhost:5000", "{mlflow}"))
	require.NoError(t, err)
	return d
}

// said returns the findings as drift prints them.
func said(all []check.Finding) []string {
	lines := make([]string, 0, len(all))
	for _, f := range all {
		lines = append(lines, f.Summary+"; "+f.Next)
	}
	return lines
}

func TestTwoRealmsThatAreAlikeHaveTheSameDocument(t *testing.T) {
	one := flat(t, `{"id":"1","keycloakVersion":"a","clients":[{"id":"2","clientId":"x","redirectUris":["http://localhost:5000/b","a"],"empty":[]},{"clientId":"y"}],"attributes":{"accessTokenLifespan":"1"},"accessTokenLifespan":1}`)
	other := flat(t, `{"id":"9","clients":[{"clientId":"y"},{"id":"8","clientId":"x","redirectUris":["a","{mlflow}/b"]}],"accessTokenLifespan":1}`)

	require.Equal(t, one, other)
	require.Empty(t, compare(one, other))
	require.JSONEq(t, `["a","{mlflow}/b"]`, string(one["clients / x / redirectUris"]))
}

func TestEachThingThatDiffersIsNamedOnceWithWhatWasGotAndWanted(t *testing.T) {
	want := flat(t, `{"rememberMe":false,"clients":[{"clientId":"x","enabled":true,"consentRequired":false,"protocolMappers":[{"name":"m","protocol":"p"}]},{"clientId":"lost","enabled":true}]}`)
	got := flat(t, `{"rememberMe":true,"clients":[{"clientId":"x","enabled":false,"consentRequired":true,"protocolMappers":[{"name":"m","protocol":"p"},{"name":"n","protocol":"p"}]},{"clientId":"new","enabled":true}]}`)

	require.Equal(t, []string{
		"realm clients lost: gone; create it again in Keycloak's console",
		"realm clients new: not created by the stack; remove it in Keycloak's console if no one needs it",
		"realm clients x: changed manually; consentRequired: got true, want false; enabled: got false, want true; put it back as it was in Keycloak's console",
		"realm clients x protocolMappers n: not created by the stack; remove it in Keycloak's console if no one needs it",
		"realm settings: changed manually; rememberMe: got true, want false; put it back as it was in Keycloak's console",
	}, said(compare(got, want)))
}

func TestRevokingAllSessionsIsNotADifference(t *testing.T) {
	want := flat(t, `{"enabled":true,"notBefore":0,"clients":[{"clientId":"x","enabled":true,"notBefore":0}]}`)
	got := flat(t, `{"enabled":true,"notBefore":1790000000,"clients":[{"clientId":"x","enabled":true,"notBefore":1790000000}]}`)

	require.Empty(t, compare(got, want))
}

func TestTheStepsOfALoginGoByTheirPlace(t *testing.T) {
	want := flat(t, `{"authenticationFlows":[{"alias":"browser","authenticationExecutions":[{"authenticator":"cookie"},{"authenticator":"form"}]}]}`)
	got := flat(t, `{"authenticationFlows":[{"alias":"browser","authenticationExecutions":[{"authenticator":"form"},{"authenticator":"cookie"}]}]}`)

	require.Len(t, compare(got, want), 1)
}

func TestAValueThatMayBeASecretIsComparedAndNotShown(t *testing.T) {
	want := flat(t, `{"identityProviders":[{"alias":"x","config":{"clientSecret":"one"}}]}`)
	got := flat(t, `{"identityProviders":[{"alias":"x","config":{"clientSecret":"two"}}]}`)

	lines := said(compare(got, want))

	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "config / clientSecret: got [secret], want [secret]")
	require.NotContains(t, lines[0], "two")
}

func TestTheBaselineHoldsWhatPulumiDoesNotSeeAndNothingThatItSees(t *testing.T) {
	want, err := baseline()
	require.NoError(t, err)
	require.Greater(t, len(want.Realm), 500)
	require.JSONEq(t, `"S256"`, string(want.Realm["clients / mlflow / attributes / pkce.code.challenge.method"]), "its provider never reads it")
	for path := range want.Realm {
		require.False(t, reportedByOthers(path), path)
	}
}

// Pulumi does not notice a mapper that makes every user an administrator but keeps the settings
// that the provider reads.
func TestAMapperThatHasBecomeAnotherKindDiffers(t *testing.T) {
	const mapper = `{"clients":[{"clientId":"mlflow","protocolMappers":[{"name":"groups","protocolMapper":"%s","config":{"claim.name":"groups","full.path":"false"%s}}]}]}`
	ours := func(kind, more string) document {
		d := flat(t, fmt.Sprintf(mapper, kind, more))
		maps.DeleteFunc(d, func(path string, _ json.RawMessage) bool { return reportedByOthers(path) })
		return d
	}

	found := compare(ours("oidc-hardcoded-claim-mapper", `,"claim.value":"mlflow-admins"`), ours("oidc-group-membership-mapper", ""))

	require.Equal(t, []string{
		`realm clients mlflow protocolMappers groups: changed manually; config / claim.value: got "mlflow-admins", want none; protocolMapper: got "oidc-hardcoded-claim-mapper", want "oidc-group-membership-mapper"; put it back as it was in Keycloak's console`,
	}, said(found))
}

func TestOnlyPulumiReportsAMissingMapper(t *testing.T) {
	want := flat(t, `{"clients":[{"clientId":"mlflow","enabled":true,"protocolMappers":[{"name":"groups","protocol":"p"},{"name":"audience","protocol":"p"}]}]}`)
	got := flat(t, `{"clients":[{"clientId":"mlflow","enabled":true}]}`)

	require.Len(t, compare(got, want), 2)
	require.Empty(t, withoutMissing(compare(got, want)))
}
