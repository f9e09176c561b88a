package security

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// sessions are attacks with credentials of users who have lost access, and with an identity that
// belongs to another user.
func (c *suite) sessions() []attack {
	return []attack{
		{
			name: "email-takeover", tries: "a second Keycloak user gets an administrator's e-mail address, in several spellings; an anonymous client registers; a member changes their own address",
			control: "a user with an unused address is created", defence: "the realm forbids duplicate addresses, registration, and changes of one's own address (decision 10)",
			next: "`mlflow-sso up --refresh` sets the realm's login settings back", run: c.takenIdentity,
		},
		{
			name: "cookie-after-logout", tries: "a copy of a session cookie is used after the logout, over 40 new connections, to reach every server process, also one that served no login",
			control: "the copy is accepted before the logout, over as many connections", defence: "sessions are rows in the plugin's database, and a logout revokes the row",
			next: "docker logs --tail 50 {mlflow}", run: c.cookieAfterLogout,
		},
		{
			name: "disabled-user", tries: "a user who is disabled in Keycloak logs in again, and continues with an earlier session and personal token",
			control: "login, session and token are accepted before", defence: "Keycloak refuses the login; the identity sync ends session and token within twice `identitySync.interval`",
			next: "docker logs --tail 50 {keeper}", run: c.disabledUser,
		},
		{
			name: "group-removal", tries: "the same for a user who is in neither group any more",
			control: "login, session and token are accepted before", defence: "groups are read at each login; the identity sync ends session and token within twice `identitySync.interval`",
			next: "docker logs --tail 50 {keeper}; check the client's mapper `groups` in Keycloak", run: c.leftGroup,
		},
		{
			name: "session-expiry", tries: "a session whose token has expired is used, or renews itself",
			control: "the session is accepted before", defence: "a session ends with its access token (`realm.accessTokenLifespan`), and stores nothing that could renew it",
			next: "docker logs --tail 50 {mlflow}", run: c.oldSession,
		},
	}
}

func (c *suite) takenIdentity(ctx context.Context) (said string, err error) {
	client, err := c.keycloak(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	email, realm := c.admin.Email, c.stack.Realm.Name
	for _, spelling := range []string{email, strings.ToUpper(email), strings.ToUpper(email[:1]) + email[1:]} {
		name := c.newName()
		id, err := client.CreateUser(ctx, client.Token, realm, gocloak.User{Username: &name, Email: &spelling, Enabled: gocloak.BoolP(false)})
		if err == nil {
			gone := client.DeleteUser(context.WithoutCancel(ctx), client.Token, realm, id)
			return "", errors.Join(check.Mismatch("a second user with the e-mail address of an administrator", "409"), gone)
		}
		if admin.Status(err) != http.StatusConflict {
			return "", check.NotRun(fmt.Errorf("a second user could not be created, but for another reason: %w", err))
		}
	}
	settings, err := client.GetRealm(ctx, client.Token, realm)
	if err != nil {
		return "", check.NotRun(err)
	}
	for name, allowed := range map[string]*bool{
		"registration": settings.RegistrationAllowed, "duplicate addresses": settings.DuplicateEmailsAllowed, "changes of one's user name": settings.EditUsernameAllowed,
	} {
		if gocloak.PBool(allowed) {
			return "", check.Mismatch("a realm that allows "+name, "one that does not")
		}
	}
	page, err := c.anonymous().Open(ctx, c.stack.Realm.Issuer+"/protocol/openid-connect/registrations?"+url.Values{
		"client_id": {c.stack.Realm.ClientID}, "response_type": {"code"}, "redirect_uri": {c.visit.RedirectURI()}, "scope": {"openid"},
	}.Encode())
	if err != nil {
		return "", check.NotRun(err)
	}
	if page.FormWith("email", "username") != nil {
		return "", check.Mismatch("a form to register", "a refusal")
	}
	got, err := c.ask(ctx, request{
		method: http.MethodPost, url: c.stack.Realm.Issuer + "/account", header: bearer(c.thiefToken), body: map[string]any{"email": email},
	})
	if err != nil {
		return "", err
	}
	if got.status < 400 || got.status >= 500 {
		return "", check.Mismatch(fmt.Sprintf("%d for a member who changes their own e-mail address", got.status), "a refusal")
	}
	return "no user gets an administrator's e-mail address", nil
}

// times is how often a cookie is sent. If connections reach server processes at random, one of
// two processes is missed once in 10^12 runs, one of eight in every 25th.
const times = 40

// show sends the user's cookies over that many separate connections, and counts how many were
// accepted.
func (c *suite) show(who *scenario.Person) (func(context.Context) (int, error), error) {
	site, err := url.Parse(c.stack.MLflow.URL)
	if err != nil {
		return nil, err
	}
	copied := who.Browser.Copy(site)
	return func(ctx context.Context) (int, error) {
		taken := 0
		for range times {
			page, err := copied.Fetch(ctx, http.MethodPost, c.stack.MLflow.URL+searchPath, nil, []byte(`{"max_results":1}`))
			copied.Close() // the next request gets another connection
			if err != nil {
				return taken, err
			}
			switch page.Status {
			case http.StatusOK:
				taken++
			case http.StatusUnauthorized:
			default:
				return taken, check.NotRun(fmt.Errorf("%d for a cookie, wanted 200 or 401", page.Status))
			}
		}
		return taken, nil
	}, nil
}

func (c *suite) cookieAfterLogout(ctx context.Context) (string, error) {
	copied, err := c.show(c.thief)
	if err != nil {
		return "", err
	}
	before, err := copied(ctx)
	if err == nil && before != times {
		err = fmt.Errorf("the copy was taken %d times of %d before the logout", before, times)
	}
	if err != nil {
		return "", check.NotRun(err)
	}
	if err := c.visit.LogOut(ctx, c.thief); err != nil {
		return "", check.NotRun(err)
	}
	after, err := copied(ctx)
	if err == nil && after > 0 {
		err = check.Mismatch(fmt.Sprintf("a copied cookie taken %d times of %d after the logout", after, times), "0")
	}
	return fmt.Sprintf("a copied cookie is refused %d times over new connections", times), err
}
