package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// checkAdministrators looks at realm master: whether it is as the stack wants it,
// who is in it, and what it calls itself.
func (p *proof) checkAdministrators(ctx context.Context) (string, error) {
	realm := adminrealm.New(p.stack)
	expired, err := realm.DeleteExpiredAdmins(ctx)
	if err != nil {
		return "", err
	}
	found, err := realm.Differences(ctx)
	if err != nil {
		return "", err
	}
	strangers, err := realm.UnknownAdmins(ctx)
	if err != nil {
		return "", err
	}
	if err := judgeAdministrators(found, strangers); err != nil {
		return "", err
	}
	if err := p.masterAddress(ctx); err != nil {
		return "", err
	}
	said := "nobody stands in realm master"
	if admin := p.stack.Keycloak.Admin; admin.Exists() {
		said = admin.Username + " alone stands in realm master"
	}
	if len(expired) > 0 {
		said += fmt.Sprintf("; %d whose time was over are gone", len(expired))
	}
	return said + "; wrong passwords make it wait, sessions are short, and it remembers who did what", nil
}

// judgeAdministrators demands that nothing differs and that everybody is known.
func judgeAdministrators(found []adminrealm.Difference, strangers []string) error {
	if len(strangers) > 0 {
		return differsNext(fmt.Sprintf("administrators that the stack did not make: %q", strangers), "none",
			"if nobody of you made them, Keycloak is in somebody else's hands; remove them with `mlflow-sso console`, in realm master")
	}
	if len(found) == 0 {
		return nil
	}
	got, wanted := make([]string, 0, len(found)), make([]string, 0, len(found))
	for _, d := range found {
		got, wanted = append(got, d.What+" "+d.Got), append(wanted, d.What+" "+d.Wanted)
	}
	return differs(strings.Join(got, ", "), strings.Join(wanted, ", "))
}

// masterAddress reads the realm's discovery document. Behind an edge its addresses
// are those on this host: the console logs in there, and the public name shows none
// of it.
func (p *proof) masterAddress(ctx context.Context) error {
	k := p.stack.Keycloak
	page, err := p.newBrowser().Fetch(ctx, http.MethodGet, k.AdminURL+"/realms/master/.well-known/openid-configuration", nil, nil)
	if err != nil {
		return err
	}
	if err := judgeStatus(page.Status, http.StatusOK, "realm master on this host"); err != nil {
		return err
	}
	var d discovery
	if err := page.JSON(&d); err != nil {
		return err
	}
	site := k.URL
	if p.stack.Edge.Exists() {
		site = k.AdminURL
	}
	return judgeDiscovery(d, site+"/realms/master", site, k.AdminURL, "an administrator")
}

// checkPasswordGrant asks Keycloak for the member's token by name and password alone,
// at the public address: whoever guesses passwords would rather do that than fill in
// forms. That the password is right is seen by the login before.
func (p *proof) checkPasswordGrant(ctx context.Context) (string, error) {
	const client = "admin-cli" // every realm has it, and it needs no secret
	status, said, err := p.passwordGrant(ctx, p.stack.Realm.Issuer, client, p.member.username, p.member.password)
	if err != nil {
		return "", err
	}
	if status != http.StatusUnauthorized || !strings.HasPrefix(said, "invalid_client") {
		return "", differs(strings.TrimSpace(fmt.Sprintf("%d %s", status, said))+" for a name and a password", "401 invalid_client")
	}
	return "Keycloak takes a password in its form alone", nil
}

const (
	// guestTime is how long a person who is made to try a password may stay if this
	// run is killed.
	guestTime = 5 * time.Minute
	// nextTry is more than what Keycloak takes for a machine that tries passwords; it
	// would lock the person out.
	nextTry = 1500 * time.Millisecond
)

// keycloakPasswords tries those that Keycloak is known for, and a proper one.
func (p *proof) keycloakPasswords(ctx context.Context) error {
	for _, login := range keycloakDefaults {
		status, said, err := p.masterLogin(ctx, login[0], login[1])
		if err != nil {
			return err
		}
		if err := judgeMasterRefusal(status, said); err != nil {
			return fmt.Errorf("%s with the password %s at Keycloak: %w", login[0], login[1], err)
		}
		if err := poll.Pause(ctx, nextTry); err != nil {
			return err
		}
	}
	admin := p.stack.Keycloak.Admin
	if !admin.Exists() {
		return p.guestPassword(ctx)
	}
	return p.properPassword(ctx, admin.Username, admin.Password,
		"the password was changed in Keycloak and the stack does not know it: set it back to the one of the stack's output keycloak.admin")
}

// guestPassword is the control where nobody has a password: somebody is let in for
// it, as `mlflow-sso console` does.
func (p *proof) guestPassword(ctx context.Context) error {
	realm := adminrealm.New(p.stack)
	guest, err := realm.CreateTemporaryAdmin(ctx, time.Now().Add(guestTime))
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	err = p.properPassword(ctx, guest.Username, guest.Password, "docker logs --tail 50 {keycloak}")
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminTimeout)
	defer cancel()
	return errors.Join(err, realm.DeleteTemporaryAdmin(end, guest))
}

func (p *proof) properPassword(ctx context.Context, username, password, next string) error {
	status, said, err := p.masterLogin(ctx, username, password)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return differsNext(fmt.Sprintf("%d (%s) for %s with the proper password at Keycloak", status, said, username), "200, the control", next)
	}
	return nil
}

// badCredentials is what Keycloak says to a wrong password. It says something
// else when the password is right and the account cannot be used for now.
const badCredentials = "invalid_grant: Invalid user credentials"

// judgeMasterRefusal demands that the password was what was wrong.
func judgeMasterRefusal(status int, said string) error {
	if status >= 400 && status < 500 && said == badCredentials {
		return nil
	}
	return differs(strings.TrimSpace(fmt.Sprintf("%d %s", status, said)), "a refusal, "+badCredentials)
}

// masterLogin asks realm master for a token as Keycloak's own command line does.
func (p *proof) masterLogin(ctx context.Context, username, password string) (int, string, error) {
	return p.passwordGrant(ctx, p.stack.Keycloak.AdminURL+"/realms/master", "admin-cli", username, password)
}

// passwordGrant asks a realm for a token by name and password. It returns the
// status and the error, empty for none.
func (p *proof) passwordGrant(ctx context.Context, realm, client, username, password string) (int, string, error) {
	form := url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {username}, "password": {password}}
	page, err := p.newBrowser().Fetch(ctx, http.MethodPost, realm+"/protocol/openid-connect/token",
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := page.JSON(&answer); err != nil {
		return 0, "", err
	}
	if answer.Error == "" {
		return page.Status, "", nil
	}
	return page.Status, answer.Error + ": " + answer.Description, nil
}
