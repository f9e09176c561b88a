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

// Default passwords of MLflow, Keycloak and their tutorials.
var (
	mlflowDefaults   = [][2]string{{"admin", "password"}, {"admin", "password1234"}, {"admin", "admin"}}
	keycloakDefaults = [][2]string{{"admin", "admin"}, {"admin", "password"}}
)

// CheckDefaultPasswords tries them, and a valid password of each kind.
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

// properBasic creates a personal token of the member, uses it and deletes it: it shows that
// MLflow accepts this kind of login at all.
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
	// guestTime is the lifetime of a user created to test a password, if this run is killed.
	guestTime = 5 * time.Minute
	// nextTry is longer than Keycloak's limit for detecting automated password guessing, which
	// would lock the user.
	nextTry = 1500 * time.Millisecond
)

// keycloakPasswords tries Keycloak's default passwords, and a valid one.
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

// guestPassword is the control if no user has a password: it creates a temporary administrator, as
// `mlflow-sso console` does.
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

// badCredentials is Keycloak's error for a wrong password. It differs from the one for a correct
// password of an account that is currently unusable.
const badCredentials = "invalid_grant: Invalid user credentials"

// judgeMasterRefusal requires that the refusal was because of the password.
func judgeMasterRefusal(status int, said string) error {
	if status >= 400 && status < 500 && said == badCredentials {
		return nil
	}
	return check.Mismatch(strings.TrimSpace(fmt.Sprintf("%d %s", status, said)), "a refusal, "+badCredentials)
}

// masterLogin requests a token of realm master like Keycloak's command line.
func (s *Scenario) masterLogin(ctx context.Context, username, password string) (int, string, error) {
	return s.passwordGrant(ctx, s.Stack.Keycloak.AdminURL+"/realms/master", "admin-cli", username, password)
}

// CheckPasswordGrant requests the member's token with only name and password, at the public
// address: that would be easier for password guessing than forms. The preceding login shows that
// the password is correct.
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

// passwordGrant requests a realm's token with name and password. It returns the status and the
// error, empty for none.
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
