package scenario

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// Passwords that MLflow, Keycloak and their tutorials come with.
var (
	mlflowDefaults   = [][2]string{{"admin", "password"}, {"admin", "password1234"}, {"admin", "admin"}}
	keycloakDefaults = [][2]string{{"admin", "admin"}, {"admin", "password"}}
)

// CheckDefaultPasswords tries them, and a proper one of each kind.
func (s *Scenario) CheckDefaultPasswords(ctx context.Context) (string, error) {
	for _, login := range mlflowDefaults {
		header := http.Header{"Authorization": {basic(login[0], login[1])}}
		if err := s.ExpectSearch(ctx, s.NewBrowser(), header, http.StatusUnauthorized,
			fmt.Sprintf("as %s with the password %s", login[0], login[1])); err != nil {
			return "", err
		}
	}
	if err := s.properBasic(ctx); err != nil {
		return "", fmt.Errorf("control, a personal token as a password: %w", err)
	}
	if err := s.keycloakPasswords(ctx); err != nil {
		return "", err
	}
	return "MLflow and Keycloak refuse their default passwords, and accept correct ones", nil
}

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

// properBasic makes a personal token of the member, uses it and deletes it: it
// shows that MLflow listens to this kind of login at all.
func (s *Scenario) properBasic(ctx context.Context) (err error) {
	body, err := json.Marshal(map[string]string{
		"name":       "mlflow-sso-verify-" + random()[:8],
		"expiration": time.Now().Add(10 * time.Minute).UTC().Format(time.RFC3339),
	})
	if err != nil {
		return err
	}
	page, err := s.Member.Browser.Fetch(ctx, http.MethodPost, s.Stack.MLflow.URL+tokensPath, nil, body)
	if err != nil {
		return err
	}
	if err := ExpectStatus(page.Status, http.StatusCreated, "a new personal token"); err != nil {
		return err
	}
	var made struct {
		ID    int64  `json:"id"`
		Token string `json:"token"`
	}
	if err := page.JSON(&made); err != nil {
		return err
	}
	defer func() {
		gone, deleteErr := s.Member.Browser.Fetch(context.WithoutCancel(ctx), http.MethodDelete,
			fmt.Sprintf("%s%s/%d", s.Stack.MLflow.URL, tokensPath, made.ID), nil, nil)
		if deleteErr == nil {
			deleteErr = ExpectStatus(gone.Status, http.StatusOK, "deleting it again")
		}
		if err == nil {
			err = deleteErr
		}
	}()
	header := http.Header{"Authorization": {basic(s.Member.Email, made.Token)}}
	return s.ExpectSearch(ctx, s.NewBrowser(), header, http.StatusOK, "with it")
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
func (s *Scenario) keycloakPasswords(ctx context.Context) error {
	for _, login := range keycloakDefaults {
		status, said, err := s.masterLogin(ctx, login[0], login[1])
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
	admin := s.Stack.Keycloak.Admin
	if !admin.Exists() {
		return s.guestPassword(ctx)
	}
	return s.properPassword(ctx, admin.Username, admin.Password,
		"the password was changed in Keycloak and the stack does not know it: set it back to the one of the stack's output keycloak.admin")
}

// guestPassword is the control where no user has a password: a temporary administrator is made for
// it, as `mlflow-sso console` does.
func (s *Scenario) guestPassword(ctx context.Context) error {
	realm := adminrealm.New(s.Stack)
	guest, err := realm.CreateTemporaryAdmin(ctx, time.Now().Add(guestTime))
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	err = s.properPassword(ctx, guest.Username, guest.Password, "docker logs --tail 50 {keycloak}")
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminTimeout)
	defer cancel()
	return errors.Join(err, realm.DeleteTemporaryAdmin(end, guest))
}

func (s *Scenario) properPassword(ctx context.Context, username, password, next string) error {
	status, said, err := s.masterLogin(ctx, username, password)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return check.MismatchNext(fmt.Sprintf("%d (%s) for %s with the proper password at Keycloak", status, said, username), "200, the control", next)
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
	return check.Mismatch(strings.TrimSpace(fmt.Sprintf("%d %s", status, said)), "a refusal, "+badCredentials)
}

// masterLogin asks realm master for a token as Keycloak's own command line does.
func (s *Scenario) masterLogin(ctx context.Context, username, password string) (int, string, error) {
	return s.passwordGrant(ctx, s.Stack.Keycloak.AdminURL+"/realms/master", "admin-cli", username, password)
}

// CheckPasswordGrant asks Keycloak for the member's token by name and password alone,
// at the public address: whoever guesses passwords would rather do that than fill in
// forms. That the password is right is seen by the login before.
func (s *Scenario) CheckPasswordGrant(ctx context.Context) (string, error) {
	const client = "admin-cli" // every realm has it, and it needs no secret
	status, said, err := s.passwordGrant(ctx, s.Stack.Realm.Issuer, client, s.Member.Username, s.Member.password)
	if err != nil {
		return "", err
	}
	if status != http.StatusUnauthorized || !strings.HasPrefix(said, "invalid_client") {
		return "", check.Mismatch(strings.TrimSpace(fmt.Sprintf("%d %s", status, said))+" for a name and a password", "401 invalid_client")
	}
	return "Keycloak accepts passwords in its login form only", nil
}

// passwordGrant asks a realm for a token by name and password. It returns the
// status and the error, empty for none.
func (s *Scenario) passwordGrant(ctx context.Context, realm, client, username, password string) (int, string, error) {
	form := url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {username}, "password": {password}}
	page, err := s.NewBrowser().Fetch(ctx, http.MethodPost, realm+"/protocol/openid-connect/token",
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
