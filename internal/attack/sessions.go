package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/verify"
)

// sessions are attacks with what somebody has who should have nothing any more, and
// with an identity that is somebody else's.
func (c *campaign) sessions() []attack {
	return []attack{
		{
			name: "taken-identity", tries: "a second Keycloak user gets an administrator's e-mail address, in several spellings; a stranger registers; a member changes their own address",
			control: "a user with an address of their own is made", defence: "the realm forbids addresses that two have, registration, and changes of one's own address (decision 10)",
			next: "`mlflow-sso up --refresh` sets the realm's login settings back", run: c.takenIdentity,
		},
		{
			name: "cookie-after-logout", tries: "a copy of a session cookie after the logout, over 40 new connections, so that every server process is asked, also one that served no login",
			control: "the copy is taken before the logout, over as many", defence: "sessions are rows in the plugin's database, and a logout revokes the row",
			next: "docker logs --tail 50 {mlflow}", run: c.cookieAfterLogout,
		},
		{
			name: "disabled-user", tries: "a person who is disabled in Keycloak logs in anew; a session from before lives no longer than its token",
			control: "the person got in before", defence: "Keycloak refuses; a known limit: the old session ends with its access token (`realm.accessTokenLifespan`), at once if the person is deactivated in MLflow too",
			next: "docker logs --tail 50 {keycloak}", run: c.disabledUser,
		},
		{
			name: "left-group", tries: "a person who is in neither group any more logs in anew",
			control: "the person got in before", defence: "groups are read at each login; a known limit: the old session ends with its access token, at once if the person is deactivated in MLflow",
			next: "look at the client's mapper `groups` in Keycloak", run: c.leftGroup,
		},
	}
}

func (c *campaign) takenIdentity(ctx context.Context) (said string, err error) {
	client, token, err := c.keycloak(ctx)
	if err != nil {
		return "", verify.Unproved(err)
	}
	email, realm := c.admin.Email(), c.stack.Realm.Name
	for _, spelling := range []string{email, strings.ToUpper(email), strings.ToUpper(email[:1]) + email[1:]} {
		name := c.newName()
		id, err := client.CreateUser(ctx, token, realm, gocloak.User{Username: &name, Email: &spelling, Enabled: gocloak.BoolP(false)})
		if err == nil {
			gone := client.DeleteUser(context.WithoutCancel(ctx), token, realm, id)
			return "", errors.Join(verify.Differs("a second user with the e-mail address of an administrator", "409"), gone)
		}
		var refusal *gocloak.APIError
		if !errors.As(err, &refusal) || refusal.Code != http.StatusConflict {
			return "", verify.Unproved(fmt.Errorf("a second user could not be made, but for another reason: %w", err))
		}
	}
	settings, err := client.GetRealm(ctx, token, realm)
	if err != nil {
		return "", verify.Unproved(err)
	}
	for name, allowed := range map[string]*bool{
		"registration": settings.RegistrationAllowed, "duplicate addresses": settings.DuplicateEmailsAllowed, "changes of one's user name": settings.EditUsernameAllowed,
	} {
		if gocloak.PBool(allowed) {
			return "", verify.Differs("a realm that allows "+name, "one that does not")
		}
	}
	page, err := c.stranger().Open(ctx, c.stack.Realm.Issuer+"/protocol/openid-connect/registrations?"+url.Values{
		"client_id": {c.stack.Realm.ClientID}, "response_type": {"code"}, "redirect_uri": {c.visit.RedirectURI()}, "scope": {"openid"},
	}.Encode())
	if err != nil {
		return "", verify.Unproved(err)
	}
	if page.FormWith("email", "username") != nil {
		return "", verify.Differs("a form to register", "a refusal")
	}
	got, err := c.ask(ctx, question{
		method: http.MethodPost, url: c.stack.Realm.Issuer + "/account", header: bearer(c.thiefToken), body: map[string]any{"email": email},
	})
	if err != nil {
		return "", err
	}
	if got.status < 400 || got.status >= 500 {
		return "", verify.Differs(fmt.Sprintf("%d for a member who changes their own e-mail address", got.status), "a refusal")
	}
	return "nobody gets an administrator's e-mail address", nil
}

// times is how often a cookie is shown. If connections fall to server processes by
// chance, one of two is left out once in a million million runs, one of eight in
// every twenty-fifth.
const times = 40

// show shows the person's cookies over so many connections of their own, and counts
// those that were taken.
func (c *campaign) show(who *verify.Person) (func(context.Context) (int, error), error) {
	site, err := url.Parse(c.stack.MLflow.URL)
	if err != nil {
		return nil, err
	}
	copied := who.Browser().Copy(site)
	return func(ctx context.Context) (int, error) {
		taken := 0
		for range times {
			page, err := copied.Fetch(ctx, http.MethodPost, c.stack.MLflow.URL+searchPath, nil, []byte(`{"max_results":1}`))
			copied.Close() // the next one gets another connection
			if err != nil {
				return taken, err
			}
			switch page.Status {
			case http.StatusOK:
				taken++
			case http.StatusUnauthorized:
			default:
				return taken, verify.Unproved(fmt.Errorf("%d for a cookie, wanted 200 or 401", page.Status))
			}
		}
		return taken, nil
	}, nil
}

func (c *campaign) cookieAfterLogout(ctx context.Context) (string, error) {
	copied, err := c.show(c.thief)
	if err != nil {
		return "", err
	}
	before, err := copied(ctx)
	if err == nil && before != times {
		err = fmt.Errorf("the copy was taken %d times of %d before the logout", before, times)
	}
	if err != nil {
		return "", verify.Unproved(err)
	}
	if err := c.visit.LogOut(ctx, c.thief); err != nil {
		return "", verify.Unproved(err)
	}
	after, err := copied(ctx)
	if err == nil && after > 0 {
		err = verify.Differs(fmt.Sprintf("a copied cookie taken %d times of %d after the logout", after, times), "0")
	}
	return fmt.Sprintf("a copied cookie is refused %d times over connections of its own", times), err
}

// leaver makes a person who gets in.
func (c *campaign) leaver(ctx context.Context, role string) (*verify.Person, error) {
	who, err := c.visit.Add(ctx, role, c.stack.Realm.UserGroup)
	if err == nil {
		err = c.visit.SignIn(ctx, who)
	}
	return who, err
}

func (c *campaign) disabledUser(ctx context.Context) (string, error) {
	who, err := c.leaver(ctx, "disabled")
	if err != nil {
		return "", verify.Unproved(err)
	}
	client, token, err := c.keycloak(ctx)
	if err == nil {
		err = change(ctx, client, token, c.stack.Realm.Name, who.ID, func(u *gocloak.User) { u.Enabled = gocloak.BoolP(false) })
	}
	if err != nil {
		return "", verify.Unproved(err)
	}
	if err := c.expectOut(ctx, who, "who was disabled"); err != nil {
		return "", err
	}
	left, err := c.boundedSession(ctx, who)
	if err != nil {
		return "", err
	}
	// The way out that ends the old session at once.
	path := api + "users/" + url.PathEscape(who.Email()) + "/active"
	page, err := c.admin.Browser().Fetch(ctx, http.MethodPatch, c.stack.MLflow.URL+path, nil, []byte(`{"active":false}`))
	if err == nil && page.Status/100 != 2 {
		err = fmt.Errorf("%d for a person who is deactivated in MLflow, wanted 200", page.Status)
	}
	if err != nil {
		return "", verify.Unproved(err)
	}
	if err := c.expectEnd(ctx, who, "the person was deactivated in MLflow"); err != nil {
		return "", err
	}
	return fmt.Sprintf("no new login; known limit: an old session lives %s at most, and ends when MLflow deactivates the person", left.Round(time.Minute)), nil
}

// change reads a user and writes them back changed.
func change(ctx context.Context, client *gocloak.GoCloak, token, realm, id string, how func(*gocloak.User)) error {
	user, err := client.GetUserByID(ctx, token, realm, id)
	if err != nil {
		return err
	}
	how(user)
	return client.UpdateUser(ctx, token, realm, *user)
}

// expectOut demands that a person does not get in any more.
func (c *campaign) expectOut(ctx context.Context, who *verify.Person, what string) error {
	in, err := c.visit.Lets(ctx, who)
	if err == nil && in {
		err = verify.Differs("a new session for a person "+what, "a refusal")
	}
	return err
}

func (c *campaign) leftGroup(ctx context.Context) (string, error) {
	who, err := c.leaver(ctx, "left")
	if err != nil {
		return "", verify.Unproved(err)
	}
	client, token, err := c.keycloak(ctx)
	if err != nil {
		return "", verify.Unproved(err)
	}
	groups, err := client.GetUserGroups(ctx, token, c.stack.Realm.Name, who.ID, gocloak.GetGroupsParams{})
	if err == nil && len(groups) == 0 {
		err = errors.New("the person is in no group")
	}
	for _, group := range groups {
		err = errors.Join(err, client.DeleteUserFromGroup(ctx, token, c.stack.Realm.Name, who.ID, gocloak.PString(group.ID)))
	}
	if err != nil {
		return "", verify.Unproved(err)
	}
	if err := c.expectOut(ctx, who, "who is in no group"); err != nil {
		return "", err
	}
	left, err := c.boundedSession(ctx, who)
	if err != nil {
		return "", err
	}
	// The bound counts: with a token that is past its end, the session is, too.
	if _, err := c.sessionsOf(ctx, who, "age"); err != nil {
		return "", err
	}
	if err := c.expectEnd(ctx, who, "the session's token has ended"); err != nil {
		return "", err
	}
	return fmt.Sprintf("no new login; known limit: an old session lives %s at most, which is its token's end", left.Round(time.Minute)), nil
}
