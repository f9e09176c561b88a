package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

const (
	// TemporaryPrefix is the prefix of the names of users created for a run.
	TemporaryPrefix = "mlflow-sso-verify-"
	// staleAfter is the age at which users of another run count as leftovers: no run takes nearly
	// as long.
	staleAfter = time.Hour
	// adminTimeout limits one call of Keycloak's admin API.
	adminTimeout = 30 * time.Second
)

// temporaryPeople are users that exist for one run. They are created through Keycloak's admin
// API, with the program's service account, and deleted at its end: in Keycloak, and in MLflow,
// which keeps a row for every user who has ever logged in.
type temporaryPeople struct {
	stack  outputs.Stack
	docker *engine.Engine
	// made are the users to delete, by their ID in Keycloak.
	made []madePerson
}

type madePerson struct{ id, email string }

// client logs the service account in. Its tokens are short-lived, so every use gets a new one.
func (t *temporaryPeople) client(ctx context.Context) (*admin.Client, error) {
	client, err := admin.Open(ctx, t.stack.Keycloak, adminTimeout)
	if err != nil {
		return nil, fmt.Errorf("log in to Keycloak's admin API at %s as %s: %w", t.stack.Keycloak.AdminURL, t.stack.Keycloak.Provider.ID, err)
	}
	return client, nil
}

// add creates a user who can log in at once.
func (t *temporaryPeople) add(ctx context.Context, who *Person) error {
	client, err := t.client(ctx)
	if err != nil {
		return err
	}
	user := gocloak.User{
		Username: &who.Username, Email: &who.Email, Enabled: gocloak.BoolP(true), EmailVerified: gocloak.BoolP(true),
		FirstName: gocloak.StringP("Temporary"), LastName: gocloak.StringP("Login proof"),
		Credentials: &[]gocloak.CredentialRepresentation{{
			Type: gocloak.StringP("password"), Value: &who.password, Temporary: gocloak.BoolP(false),
		}},
	}
	if who.Group != "" {
		user.Groups = &[]string{"/" + who.Group}
	}
	id, err := client.CreateUser(ctx, client.Token, t.stack.Realm.Name, user)
	if err != nil {
		return fmt.Errorf("create the temporary user %s in Keycloak: %w", who.Username, err)
	}
	who.ID = id
	t.made = append(t.made, madePerson{id: id, email: who.Email})
	return nil
}

// removeStale deletes what a killed run left.
func (t *temporaryPeople) removeStale(ctx context.Context) error {
	client, err := t.client(ctx)
	if err != nil {
		return err
	}
	users, err := client.GetUsers(ctx, client.Token, t.stack.Realm.Name, gocloak.GetUsersParams{
		Search: gocloak.StringP(TemporaryPrefix), Max: gocloak.IntP(100),
	})
	if err != nil {
		return fmt.Errorf("find users of earlier runs in Keycloak: %w", err)
	}
	now := time.Now()
	stale := &temporaryPeople{stack: t.stack, docker: t.docker}
	for _, user := range users {
		if isStale(user, now) {
			stale.made = append(stale.made, madePerson{id: gocloak.PString(user.ID), email: gocloak.PString(user.Email)})
		}
	}
	_, err = stale.remove(ctx)
	return err
}

// isStale is conservative: another run may be in progress, and a similar name does not prove that
// an account is temporary.
func isStale(user *gocloak.User, now time.Time) bool {
	return strings.HasPrefix(gocloak.PString(user.Username), TemporaryPrefix) && user.CreatedTimestamp != nil &&
		now.Sub(time.UnixMilli(*user.CreatedTimestamp)) > staleAfter
}

// remove deletes all users and returns how many. A user that no longer exists counts.
func (t *temporaryPeople) remove(ctx context.Context) (int, error) {
	if len(t.made) == 0 {
		return 0, nil
	}
	// Keycloak first: a deleted user cannot log in any more.
	client, err := t.client(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	emails := make([]string, 0, len(t.made))
	for _, user := range t.made {
		emails = append(emails, user.email)
		err := client.DeleteUser(ctx, client.Token, t.stack.Realm.Name, user.id)
		if err != nil && !admin.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete the temporary user %s in Keycloak: %w", user.email, err))
		}
	}
	if err := t.forget(ctx, emails); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return 0, errors.Join(errs...)
	}
	count := len(t.made)
	t.made = nil
	return count, nil
}

// forget deletes users from the plugin's database.
func (t *temporaryPeople) forget(ctx context.Context, emails []string) error {
	input, err := json.Marshal(emails)
	if err != nil {
		return err
	}
	name := t.stack.MLflow.Container
	if _, err := probe.TemporaryUsers.Run(ctx, t.docker, name, input, TemporaryPrefix); err != nil {
		return fmt.Errorf("delete the temporary users inside %s: %w", name, err)
	}
	return nil
}
