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

// versionAttribute is the prefix of attributes of the program's own client, in which Keycloak
// stores the version of each user's password that was last set. The password itself cannot be
// compared: the user may have changed it, and only a new version overrides that. The attributes
// are in the same database as the passwords, so they stay consistent after a restore.
const versionAttribute = "mlflow-sso.edition."

// Credential is a user's derived password.
type Credential struct {
	Realm, Username, Password string
	// Edition is the root secret and generation of the password.
	Edition string
}

func (c Credential) what() string {
	return "edition of the password of " + c.Username + " in realm " + c.Realm
}

// credentialsOf returns the credentials of a stack.
func credentialsOf(stack outputs.Stack) []Credential {
	var all []Credential
	if admin := stack.Keycloak.Admin; admin.Exists() {
		all = append(all, Credential{name, admin.Username, admin.Password, admin.Edition})
	}
	for _, user := range stack.DemoUsers {
		all = append(all, Credential{stack.Realm.Name, user.Username, user.Password, user.Edition})
	}
	// A stack from an earlier version does not record it.
	return slices.DeleteFunc(all, func(c Credential) bool { return c.Edition == "" })
}

// Password compares a user's password: it differs if another version was set last. A user without
// a recorded version has the first one, which Keycloak or the program set when it created the
// user.
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

// rotatePassword sets the password, ends the sessions of the old one and then records the
// version. If recording fails, the next run sets the password again.
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

// errReused means that the password is in the user's history and the realm's policy refuses it.
var errReused = errors.New("the realm's password policy does not take a password that was used before")

func (s *session) setPassword(ctx context.Context, c Credential) error {
	who := person(c.Username)
	found, err := s.api.GetUsers(ctx, s.api.Token, c.Realm, gocloak.GetUsersParams{Username: &c.Username, Exact: gocloak.BoolP(true)})
	if err != nil {
		return s.failed("find "+who, err)
	}
	if len(found) == 0 {
		return nil // the resource that creates them sets the current password
	}
	id := gocloak.PString(found[0].ID)
	err = s.reset(ctx, c, id)
	if errors.Is(err, errReused) {
		// An update set it that could not record it.
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

// forgetPasswords clears the history of a user who gets a new password right away.
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
