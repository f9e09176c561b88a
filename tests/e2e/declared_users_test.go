//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"
)

const bob = "    - {username: bob, email: bob@example.com, firstName: Bob, lastName: Babbage, groups: [mlflow-users]}\n"

const listedPeople = `  mlflow-sso:users:
    - {username: ada, email: ada@example.com, firstName: %s, lastName: Lovelace, groups: [mlflow-admins, e2e-team]}
` + bob

// From a list without mail, over mail and a managed group, to an empty list.
func listedPeopleSetTheirOwnPasswordAndNoUpdateTouchesIt(t *testing.T) {
	l, o := peopled.up(t), newOutside(t)
	deployed := peopled.deployed
	s := changes(t, l)

	// Without mail the operator hands over a password for one login.
	got := s.up(t, "    groups: [e2e-team]\n", fmt.Sprintf(listedPeople, "Ada"))
	require.Contains(t, got.stderr, "no password yet: ada, bob")
	once := invited(t, l, "ada")
	const own = "Her-own-password-1842"
	b, page := begins(t, deployed)
	page = types(t, b, page, "username", "ada", "password", once)
	page = types(t, b, page, "password-new", own, "password-confirm", own)
	require.Equal(t, "administrator ada@example.com", arrives(t, deployed, b, page))
	require.Equal(t, "wrong password", logsIn(t, deployed, "ada", once), "it is good for one login")
	again, err := l.run(t.Context(), "invite", "ada")
	require.NoError(t, err)
	require.Equal(t, 1, again.code)
	require.Contains(t, again.stderr, "has a password, which stays as it is")
	require.NotContains(t, again.stdout+again.stderr, own)
	require.Contains(t, l.must(t, "drift").stdout, "no drift", "what Keycloak still wants of bob is none")

	// With mail, a user without a password gets one mail. An update adopts a user whom an
	// administrator has created, and another user has joined a group.
	client, token := keycloakAdmin(t, deployed)
	const made = "Made-manually-1843"
	for _, username := range []string{"cyd", "eve"} {
		id, err := client.CreateUser(t.Context(), token, deployed.Realm.Name, gocloak.User{
			Username: &username, Email: gocloak.StringP(username + "@example.com"), EmailVerified: gocloak.BoolP(true), Enabled: gocloak.BoolP(true),
			FirstName: gocloak.StringP("By"), LastName: gocloak.StringP("Hand"), Groups: &[]string{"/mlflow-users"},
			Credentials: &[]gocloak.CredentialRepresentation{{Type: gocloak.StringP("password"), Value: gocloak.StringP(made)}},
		})
		require.NoError(t, err)
		if username == "eve" {
			t.Cleanup(func() {
				client, token := keycloakAdmin(t, deployed)
				require.NoError(t, client.DeleteUser(context.Background(), token, deployed.Realm.Name, id))
			})
		}
	}
	require.Equal(t, "member eve@example.com", logsIn(t, deployed, "eve", made))
	mails := startMailServer(t, o.address, o.chain, o.key)
	o.writes(t, "mail", mails.password)
	settings := fmt.Sprintf("    groups: [e2e-team]\n    mail: {host: %s, port: %d, from: mlflow@example.com, username: mailer, passwordFile: %s/mail}\n",
		o.address, mails.port, o.secrets)
	got = s.up(t, settings, fmt.Sprintf(listedPeople, "Augusta")+
		"    - {username: cyd, email: cyd@example.com, firstName: Cyd, lastName: Hand, groups: [mlflow-admins]}\n  mlflow-sso:images: {keycloak: \""+o.trusting+"\"}\n")
	require.Contains(t, got.stderr, "bob was written to")
	require.Len(t, mails.to("bob@example.com"), 1)
	require.Len(t, mails.letters, 1, "who has a password gets no letter")
	require.NotContains(t, got.stdout+got.stderr, mails.password)
	require.Equal(t, "administrator ada@example.com", logsIn(t, deployed, "ada", own), "another name is no other password")
	require.Equal(t, "administrator cyd@example.com", logsIn(t, deployed, "cyd", made))
	b, _ = begins(t, deployed)
	page, err = b.Open(t.Context(), mails.to("bob@example.com")[0].link(t, deployed.Keycloak.URL))
	require.NoError(t, err)
	page = proceeds(t, b, page)
	const bobs = "His-own-password-1844"
	types(t, b, page, "password-new", bobs, "password-confirm", bobs)
	require.Equal(t, "member bob@example.com", logsIn(t, deployed, "bob", bobs))
	isNowhere(t, own, bobs, made, mails.password)
	require.Contains(t, l.must(t, "drift").stdout, "no drift", "unmanaged groups may have any members")

	// A managed group has exactly the listed users; a user who is no longer listed is removed.
	exclusive := settings + "    managedGroups: [mlflow-users]\n"
	image := "  mlflow-sso:images: {keycloak: \"" + o.trusting + "\"}\n"
	s.write(t, exclusive, fmt.Sprintf(strings.TrimSuffix(listedPeople, bob), "Augusta")+image)
	drift, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 3, drift.code, drift.stderr)
	require.Contains(t, drift.stdout, "user eve in group mlflow-users: not created by the stack; the settings do not name them")
	require.NotContains(t, drift.stdout, "demo-member")
	preview := l.must(t, "preview")
	require.Regexp(t, `people-bob.*removed`, preview.stdout)
	require.Contains(t, preview.stdout, "this user could no longer log in")
	got = l.must(t, "up", "--no-verify")
	require.Contains(t, got.stderr, "user eve in group mlflow-users taken out")
	require.Len(t, mails.letters, 1, "no user gets two mails")
	require.Equal(t, refusal, logsIn(t, deployed, "eve", made))
	require.Equal(t, "wrong password", logsIn(t, deployed, "bob", bobs))
	require.Equal(t, "administrator ada@example.com", logsIn(t, deployed, "ada", own))
	requireAllPassed(t, prove(t, deployed))
}

// invited returns the password for one login that the tool prints.
func invited(t *testing.T, l *lab, username string) string {
	t.Helper()
	got := l.must(t, "invite", username)
	found := regexp.MustCompile(`(?m)^Password +(\S+)$`).FindStringSubmatch(got.stdout)
	require.Len(t, found, 2, "no password is shown")
	require.NotContains(t, got.stderr, found[1])
	return found[1]
}
