package adminrealm

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
)

const adminURL = "http://127.0.0.1:8081"

func local() []identity.RealmSetting { return identity.AdminRealmSettings(time.Hour, "") }

func behindAnEdge() []identity.RealmSetting { return identity.AdminRealmSettings(time.Hour, adminURL) }

// document returns a realm in Keycloak's notation.
func document(t *testing.T, text string) representation {
	t.Helper()
	var r representation
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	return r
}

// applied returns a realm after a change, with Keycloak's rules: omitted settings stay, and
// attributes are replaced as a whole.
func applied(t *testing.T, before representation, change map[string]any) representation {
	t.Helper()
	after := representation{}
	for key, value := range before {
		after[key] = value
	}
	for key, value := range change {
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		after[key] = encoded
	}
	return after
}

func TestAChangeSetsEverythingThatDiffersAndNothingElse(t *testing.T) {
	for name, wanted := range map[string][]identity.RealmSetting{"local": local(), "behind an edge": behindAnEdge()} {
		t.Run(name, func(t *testing.T) {
			before := document(t, `{"realm":"master","displayName":"Mine","bruteForceProtected":false,"eventsListeners":["jboss-logging"],
				"attributes":{"frontendUrl":"http://old.example.com","acr.loa.map":"{}"}}`)
			found, err := before.differences(wanted)
			require.NoError(t, err)
			require.Contains(t, found, Difference{"bruteForceProtected", "false", "true"})
			require.Contains(t, found, Difference{"rememberMe", nothing, "false"})

			change, err := before.change(wanted, found)
			require.NoError(t, err)

			require.NotContains(t, change, "displayName")
			require.NotContains(t, change, "eventsListeners", "it was right already")
			after := applied(t, before, change)
			left, err := after.differences(wanted)
			require.NoError(t, err)
			require.Empty(t, left)
			attributes, err := after.attributes()
			require.NoError(t, err)
			require.Equal(t, "{}", attributes["acr.loa.map"], "an attribute of an administrator is gone")
			again, err := after.change(wanted, left)
			require.NoError(t, err)
			require.Equal(t, map[string]any{"realm": "master"}, again)
		})
	}
}

func TestTheRealmHasAnAddressOfItsOwnOnlyBehindAnEdge(t *testing.T) {
	address := func(wanted []identity.RealmSetting, attributes string) (map[string]string, bool) {
		before := document(t, `{"attributes":`+attributes+`}`)
		found, err := before.differences(wanted)
		require.NoError(t, err)
		differs := false
		for _, d := range found {
			differs = differs || d.What == "frontendUrl"
		}
		change, err := before.change(wanted, found)
		require.NoError(t, err)
		after, err := applied(t, before, change).attributes()
		require.NoError(t, err)
		return after, differs
	}
	for _, had := range []string{`{}`, `{"frontendUrl":"https://auth.example.com"}`, `{"frontendUrl":"http://127.0.0.1:1"}`} {
		after, differs := address(behindAnEdge(), had)
		require.True(t, differs)
		require.Equal(t, adminURL, after["frontendUrl"])
	}
	_, differs := address(behindAnEdge(), `{"frontendUrl":"`+adminURL+`"}`)
	require.False(t, differs)

	after, differs := address(local(), `{"frontendUrl":"`+adminURL+`"}`)
	require.True(t, differs)
	require.NotContains(t, after, "frontendUrl")
	_, differs = address(local(), `{}`)
	require.False(t, differs)
}

// White space and Keycloak's order are not a difference.
func TestOnlyAnotherValueIsADifference(t *testing.T) {
	want := []identity.RealmSetting{{Name: "list", Value: []string{"a"}}, {Name: "number", Value: 10}}
	found, err := document(t, `{"number": 10, "list": [ "a" ]}`).differences(want)
	require.NoError(t, err)
	require.Empty(t, found)

	found, err = document(t, `{"number": 100, "list": []}`).differences(want)
	require.NoError(t, err)
	require.Equal(t, []Difference{{"list", "[]", `["a"]`}, {"number", "100", "10"}}, found)
	require.Equal(t, `list: got [], want ["a"]`, found[0].String())
}

func TestNoSettingIsNamedTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range behindAnEdge() {
		require.False(t, seen[s.Name], s.Name)
		seen[s.Name] = true
		require.True(t, s.Attribute || s.Value != nil, "%s: only an attribute can be absent", s.Name)
	}
	require.Greater(t, len(seen), 20)
}

func TestTheProfileKeepsEverythingExceptTheOneAttribute(t *testing.T) {
	for before, has := range map[string]bool{
		`{"attributes":[{"name":"username","annotations":{"x":"y"}}],"groups":[{"name":"g"}],"unmanagedAttributePolicy":"ADMIN_VIEW"}`:                                   false,
		`{"attributes":[{"name":"username","annotations":{"x":"y"}},{"name":"` + untilAttribute + `","permissions":{"edit":["admin","user"]}}],"groups":[{"name":"g"}]}`: false,
		`{"attributes":[{"name":"username","annotations":{"x":"y"}},{"name":"` + untilAttribute + `","permissions":{"edit":["admin"]}}],"groups":[{"name":"g"}]}`:        true,
	} {
		var p userProfile
		require.NoError(t, json.Unmarshal([]byte(before), &p))
		got, err := p.hasUntil()
		require.NoError(t, err)
		require.Equal(t, has, got, before)

		require.NoError(t, p.withUntil())

		got, err = p.hasUntil()
		require.NoError(t, err)
		require.True(t, got)
		after, err := json.Marshal(p)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(after), untilAttribute))
		for _, unchanged := range []string{`{"name":"username","annotations":{"x":"y"}}`, `"groups":[{"name":"g"}]`} {
			require.Contains(t, string(after), unchanged)
		}
		require.Equal(t, strings.Contains(before, "ADMIN_VIEW"), strings.Contains(string(after), "ADMIN_VIEW"))
	}
}

// Two wrong passwords within a second are a typing error, or an attacker who knows a name.
func TestNoQuickLoginCheckLocksAnAdministratorAndTenFailuresDo(t *testing.T) {
	for _, wanted := range [][]identity.RealmSetting{local(), behindAnEdge()} {
		got := map[string]any{}
		for _, s := range wanted {
			got[s.Name] = s.Value
		}
		require.Equal(t, 0, got["quickLoginCheckMilliSeconds"])
		require.Equal(t, 10, got["failureFactor"])
		require.Equal(t, true, got["bruteForceProtected"])
		require.Equal(t, false, got["permanentLockout"])
	}
}
