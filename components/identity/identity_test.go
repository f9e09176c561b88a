package identity

import (
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

func TestEveryMistakeInTheArgumentsIsReportedAtOnce(t *testing.T) {
	text := pulumi.String("x")
	for name, test := range map[string]struct {
		validate interface{ Validate() error }
		mistakes int
	}{
		"a whole provider":    {&ProviderArgs{URL: "http://127.0.0.1:1", ClientID: "c", Secret: text}, 0},
		"an empty provider":   {&ProviderArgs{}, 3},
		"no provider":         {(*ProviderArgs)(nil), 1},
		"a whole admin realm": {&AdminRealmArgs{EventsExpiration: time.Minute}, 0},
		"an empty one":        {&AdminRealmArgs{}, 1},
		"no admin realm":      {(*AdminRealmArgs)(nil), 1},
		"a whole client":      {&BuiltinClientArgs{Realm: text, ClientID: "c"}, 0},
		"an empty client":     {&BuiltinClientArgs{}, 2},
		"no client":           {(*BuiltinClientArgs)(nil), 1},
		"whole roles":         {&ClientRolesArgs{Realm: text, Account: text, Subject: text, Owner: "o", Roles: []string{"r"}}, 0},
		"empty roles":         {&ClientRolesArgs{}, 5},
		"no roles":            {(*ClientRolesArgs)(nil), 1},
		"a whole password":    {&PasswordArgs{Realm: text, Username: text, Password: text, Version: "1.1"}, 0},
		"an empty password":   {&PasswordArgs{}, 4},
		"no password":         {(*PasswordArgs)(nil), 1},
		"a whole secret":      {&ClientSecretArgs{ClientID: "c", Secret: text, Version: "1.1", Ready: &Password{}}, 0},
		"an empty secret":     {&ClientSecretArgs{}, 4},
		"no secret":           {(*ClientSecretArgs)(nil), 1},
		"whole members":       {&GroupMembersArgs{Realm: text, Group: text}, 0},
		"empty members":       {&GroupMembersArgs{Members: []string{""}}, 3},
		"no members":          {(*GroupMembersArgs)(nil), 1},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.validate.Validate()
			if test.mistakes == 0 {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, test.mistakes, strings.Count(err.Error(), "args: "), err.Error())
		})
	}
}

// A realm without a frontend URL uses the server's public address for logins, which
// administrators cannot reach behind an edge.
func TestOnlyAnAttributeCanBeAbsent(t *testing.T) {
	for _, frontend := range []string{"", "http://127.0.0.1:8081"} {
		absent := 0
		for _, s := range AdminRealmSettings(time.Hour, frontend) {
			if s.Value == nil {
				absent++
				require.True(t, s.Attribute, s.Name)
			}
		}
		require.Equal(t, frontend == "", absent == 1)
	}
}
