package adminrealm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// versionAttribute begins the attributes of the program's own client in which Keycloak
// remembers which edition of a user's password was set last. It is not asked of the
// password itself: a person may have changed that, and only another edition takes it
// back. It is in the database that the passwords are in, so both are of one moment after
// a restore.
const versionAttribute = "mlflow-sso.edition."

// Credential is a user's derived password.
type Credential struct {
	Realm, Username, Password string
	// Edition says which root secret and generation the password is of.
	Edition string
}

func (c Credential) what() string {
	return "edition of the password of " + c.Username + " in realm " + c.Realm
}

// credentialsOf are those of a stack.
func credentialsOf(stack outputs.Stack) []Credential {
	var all []Credential
	if admin := stack.Keycloak.Admin; admin.Exists() {
		all = append(all, Credential{name, admin.Username, admin.Password, admin.Edition})
	}
	for _, user := range stack.DemoUsers {
		all = append(all, Credential{stack.Realm.Name, user.Username, user.Password, user.Edition})
	}
	// A stack that an earlier version has made does not say.
	return slices.DeleteFunc(all, func(c Credential) bool { return c.Edition == "" })
}

// Password is a user's password. It differs where another edition was set last. A user
// without a mark has the first one: Keycloak or the program set it when it created them.
func Password(c Credential) Part {
	return Part{
		compare: func(s *session, ctx context.Context) ([]Difference, error) {
			_, marks, err := s.marks(ctx)
			if err != nil {
				return nil, err
			}
			return c.differences(marks), nil
		},
		apply: func(s *session, ctx context.Context, _ []Difference) error { return s.rotatePassword(ctx, c) },
	}
}

func (c Credential) differences(marks map[string]string) []Difference {
	got, marked := marks[versionAttribute+c.Username]
	if !marked {
		got = credentials.FirstVersion
	}
	if got == c.Edition {
		return nil
	}
	return []Difference{{c.what(), got, c.Edition}}
}

// rotatePassword sets it, ends the sessions that were begun with the old one and then
// remembers the edition: one that was not remembered is set once more.
func (s *session) rotatePassword(ctx context.Context, c Credential) error {
	if err := s.setPassword(ctx, c); err != nil {
		return err
	}
	id, marks, err := s.marks(ctx)
	if err != nil {
		return err
	}
	marks = maps.Clone(marks)
	marks[versionAttribute+c.Username] = c.Edition
	return s.put(ctx, "/clients/"+id, map[string]any{"clientId": s.keycloak.Provider.ID, "attributes": marks})
}

// marks are the attributes of the program's own client, and its ID.
func (s *session) marks(ctx context.Context) (id string, attributes map[string]string, err error) {
	found, err := s.api.GetClients(ctx, s.api.Token, name, gocloak.GetClientsParams{ClientID: &s.keycloak.Provider.ID})
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("got %d clients %s, want one, that of this tool", len(found), s.keycloak.Provider.ID)
	}
	if err != nil {
		return "", nil, s.failed("read the program's own client", err)
	}
	attributes = map[string]string{}
	if found[0].Attributes != nil {
		attributes = *found[0].Attributes
	}
	return gocloak.PString(found[0].ID), attributes, nil
}

// errReused is that the realm's policy has the password among those a user had.
var errReused = errors.New("the realm's password policy does not take a password that was used before")

func (s *session) setPassword(ctx context.Context, c Credential) error {
	who := person(c.Username)
	found, err := s.api.GetUsers(ctx, s.api.Token, c.Realm, gocloak.GetUsersParams{Username: &c.Username, Exact: gocloak.BoolP(true)})
	if err != nil {
		return s.failed("find "+who, err)
	}
	if len(found) == 0 {
		return nil // who makes them gives them the password of now
	}
	id := gocloak.PString(found[0].ID)
	err = s.reset(ctx, c, id)
	if errors.Is(err, errReused) {
		// It was set by an update that could not remember it.
		if err = s.forgetPasswords(ctx, c, id); err == nil {
			err = s.reset(ctx, c, id)
		}
	}
	if err != nil {
		return s.failed("set the password of "+who, err)
	}
	if err := s.api.LogoutAllSessions(ctx, s.api.Token, c.Realm, id); err != nil {
		return s.failed("end the sessions of "+who, err)
	}
	return nil
}

func (s *session) reset(ctx context.Context, c Credential, id string) error {
	err := s.api.SetPassword(ctx, s.api.Token, id, c.Realm, c.Password, false)
	if admin.Status(err) == http.StatusBadRequest && strings.Contains(err.Error(), "invalidPasswordHistory") {
		return errReused
	}
	return err
}

// forgetPasswords removes the password of a user who gets another one at once.
func (s *session) forgetPasswords(ctx context.Context, c Credential, id string) error {
	all, err := s.api.GetCredentials(ctx, s.api.Token, c.Realm, id)
	if err != nil {
		return err
	}
	for _, one := range all {
		if kind := gocloak.PString(one.Type); kind != "password" && kind != "password-history" {
			continue
		}
		if err := s.api.DeleteCredentials(ctx, s.api.Token, c.Realm, id, gocloak.PString(one.ID)); err != nil {
			return err
		}
	}
	return nil
}
