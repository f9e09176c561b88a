package adminrealm

import (
	"slices"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func account(username string) *gocloak.User { return &gocloak.User{Username: &username} }

// until returns a user with an expiry.
func until(username, end string) *gocloak.User {
	who := account(username)
	who.Attributes = &map[string][]string{untilAttribute: {end}}
	return who
}

func in(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }

func TestThePermanentAdministratorExistsExactlyIfConfigured(t *testing.T) {
	others := []*gocloak.User{account("alice"), account("administrator"), until("console-x", in(time.Minute))}
	with := append(slices.Clone(others), account("admin"))

	require.Empty(t, judgePeople(with, true, now))
	require.Empty(t, judgePeople(others, false, now))
	require.Equal(t, []Difference{{"administrator admin", there, away}}, judgePeople(with, false, now))
	require.Equal(t, []Difference{{"administrator admin", away, there}}, judgePeople(others, true, now))
}

// A name alone never causes a deletion, and no user is deleted before the expiry.
func TestOnlyThoseWhoseTimeIsOverHaveToGo(t *testing.T) {
	for _, stays := range []*gocloak.User{
		until("console-x", in(time.Second)), until("alice", in(-time.Hour)), account("console-x"),
		until("console-x", "yesterday"), until("console-x", ""), until("Console-x", in(-time.Hour)),
		{Username: gocloak.StringP("console-x"), Attributes: &map[string][]string{untilAttribute: {in(-time.Hour), in(-time.Hour)}}},
		{},
	} {
		require.Empty(t, judgePeople([]*gocloak.User{stays}, false, now), "%+v", stays)
	}
	for _, end := range []string{in(0), in(-time.Second), "2020-01-01T00:00:00+02:00"} {
		found := judgePeople([]*gocloak.User{until("console-x", end)}, false, now)
		require.Len(t, found, 1, end)
		require.Equal(t, "administrator console-x", found[0].What)
		require.Equal(t, away, found[0].Wanted)
	}
}

func TestEveryUserWhomTheStackDidNotCreateIsUnmanaged(t *testing.T) {
	all := []*gocloak.User{
		account("zoe"), account("admin"), account("service-account-mlflow-sso"), until("console-x", in(identity.SessionMax)),
		account("alice"), account("alice"), account("console-y"), until("console-z", in(identity.SessionMax+time.Hour)), account("service-account-other"),
	}
	require.Equal(t, []string{"alice", "console-y", "console-z", "service-account-other", "zoe"}, unmanaged(all, "service-account-mlflow-sso", now))
}

func TestNoTwoGuestsHaveTheSamePassword(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		password := newPassword()
		require.GreaterOrEqual(t, len(password), 43)
		require.False(t, seen[password])
		seen[password] = true
	}
}
