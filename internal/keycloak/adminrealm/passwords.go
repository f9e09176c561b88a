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
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// versionAttribute begins the attributes of the program's own client in which Keycloak
// remembers which edition of a user's password was set last. It is not asked of the
// password itself: a person may have changed that, and only another edition takes it
// back. It is in the database that the passwords are in, so both are of one moment after
// a restore.
const versionAttribute = "mlflow-sso.edition."

// derivedPassword is a person whose password is derived.
type derivedPassword struct {
	realm, username, password, edition string
}

func (k derivedPassword) what() string {
	return "edition of the password of " + k.username + " in realm " + k.realm
}

// derived are those of the stack.
func (s *session) derived() []derivedPassword {
	var all []derivedPassword
	if admin := s.stack.Keycloak.Admin; admin.Exists() {
		all = append(all, derivedPassword{name, admin.Username, admin.Password, admin.Edition})
	}
	for _, user := range s.stack.DemoUsers {
		all = append(all, derivedPassword{s.stack.Realm.Name, user.Username, user.Password, user.Edition})
	}
	// A stack that an earlier version has made does not say.
	return slices.DeleteFunc(all, func(k derivedPassword) bool { return k.edition == "" })
}

// passwords are those of which another edition was set last. Who has no mark has the
// first: Keycloak or the program gave it when it made them.
func (s *session) passwords(ctx context.Context) ([]Difference, error) {
	_, storedVersions, err := s.storedVersions(ctx)
	if err != nil {
		return nil, err
	}
	return differingVersions(s.derived(), storedVersions), nil
}

func differingVersions(all []derivedPassword, storedVersions map[string]string) []Difference {
	var found []Difference
	for _, k := range all {
		got, marked := storedVersions[versionAttribute+k.username]
		if !marked {
			got = credentials.FirstVersion
		}
		if got != k.edition {
			found = append(found, Difference{k.what(), got, k.edition})
		}
	}
	return found
}

// reconcilePasswords sets them, ends the sessions that were begun with the old ones and then
// remembers the edition: one that was not remembered is set once more.
func (s *session) reconcilePasswords(ctx context.Context, found []Difference) error {
	for _, k := range s.derived() {
		if !slices.ContainsFunc(found, func(d Difference) bool { return d.What == k.what() }) {
			continue
		}
		if err := s.setPassword(ctx, k); err != nil {
			return err
		}
		id, storedVersions, err := s.storedVersions(ctx)
		if err != nil {
			return err
		}
		storedVersions = maps.Clone(storedVersions)
		storedVersions[versionAttribute+k.username] = k.edition
		if err := s.put(ctx, "/clients/"+id, map[string]any{"clientId": s.stack.Keycloak.Provider.ID, "attributes": storedVersions}); err != nil {
			return err
		}
	}
	return nil
}

// storedVersions are the attributes of the program's own client, and its ID.
func (s *session) storedVersions(ctx context.Context) (id string, attributes map[string]string, err error) {
	found, err := s.api.GetClients(ctx, s.api.Token, name, gocloak.GetClientsParams{ClientID: &s.stack.Keycloak.Provider.ID})
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("got %d clients %s, want the one who asks", len(found), s.stack.Keycloak.Provider.ID)
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

func (s *session) setPassword(ctx context.Context, k derivedPassword) error {
	who := person(k.username)
	found, err := s.api.GetUsers(ctx, s.api.Token, k.realm, gocloak.GetUsersParams{Username: &k.username, Exact: gocloak.BoolP(true)})
	if err != nil {
		return s.failed("find "+who, err)
	}
	if len(found) == 0 {
		return nil // who makes them gives them the password of now
	}
	id := gocloak.PString(found[0].ID)
	err = s.reset(ctx, k, id)
	if errors.Is(err, errReused) {
		// It was set by an update that could not remember it.
		if err = s.forgetPasswords(ctx, k, id); err == nil {
			err = s.reset(ctx, k, id)
		}
	}
	if err != nil {
		return s.failed("set the password of "+who, err)
	}
	if err := s.api.LogoutAllSessions(ctx, s.api.Token, k.realm, id); err != nil {
		return s.failed("end the sessions of "+who, err)
	}
	return nil
}

func (s *session) reset(ctx context.Context, k derivedPassword, id string) error {
	err := s.api.SetPassword(ctx, s.api.Token, id, k.realm, k.password, false)
	if admin.Status(err) == http.StatusBadRequest && strings.Contains(err.Error(), "invalidPasswordHistory") {
		return errReused
	}
	return err
}

// forgetPasswords removes the password of a user who gets another one at once.
func (s *session) forgetPasswords(ctx context.Context, k derivedPassword, id string) error {
	all, err := s.api.GetCredentials(ctx, s.api.Token, k.realm, id)
	if err != nil {
		return err
	}
	for _, one := range all {
		if kind := gocloak.PString(one.Type); kind != "password" && kind != "password-history" {
			continue
		}
		if err := s.api.DeleteCredentials(ctx, s.api.Token, k.realm, id, gocloak.PString(one.ID)); err != nil {
			return err
		}
	}
	return nil
}
