package adminrealm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

const (
	// adminRole grants every right in Keycloak.
	adminRole = "admin"
	// manyPeople are more than this realm ever has.
	manyPeople = 10000

	there, away = "there", "away"
)

// person names an administrator in a difference. Nothing else that differs begins so.
func person(username string) string { return "administrator " + username }

// Admins are the users of realm master: the permanent administrator exactly where one is
// wanted, and no temporary one whose time is over.
func Admins(wanted outputs.Login) Part {
	return Part{
		compare: func(s *session, ctx context.Context) ([]Difference, error) {
			all, err := s.allUsers(ctx)
			if err != nil {
				return nil, err
			}
			return judgePeople(all, wanted.Exists(), time.Now()), nil
		},
		apply: func(s *session, ctx context.Context, found []Difference) error {
			return s.setAdmins(ctx, wanted, found)
		},
	}
}

// IsPermanentAdmin says whether a difference is about the permanent administrator.
func (d Difference) IsPermanentAdmin() bool { return d.What == person(keycloak.AdminUsername) }

// Username is the user whom a difference is about; empty for others.
func (d Difference) Username() string {
	username, ok := strings.CutPrefix(d.What, person(""))
	if !ok {
		return ""
	}
	return username
}

// judgePeople demands the standing administrator where there shall be one, nobody
// of that name where not, and that those whose time is over are gone.
func judgePeople(all []*gocloak.User, stands bool, now time.Time) []Difference {
	var found []Difference
	stood := false
	for _, who := range all {
		username := gocloak.PString(who.Username)
		switch {
		case username == keycloak.AdminUsername:
			stood = true
			if !stands {
				found = append(found, Difference{person(username), there, away})
			}
		case expired(who, now):
			found = append(found, Difference{person(username), there + ", though their time is over", away})
		}
	}
	if stands && !stood {
		found = append(found, Difference{person(keycloak.AdminUsername), away, there})
	}
	return found
}

// setAdmins makes who is missing and removes who ought to be gone.
func (s *session) setAdmins(ctx context.Context, admin outputs.Login, found []Difference) error {
	all, err := s.allUsers(ctx)
	if err != nil {
		return err
	}
	for _, d := range found {
		if d.Wanted == there {
			if _, err := s.makeAdministrator(ctx, gocloak.User{Username: &admin.Username}, admin.Password); err != nil {
				return err
			}
			continue
		}
		at := slices.IndexFunc(all, func(u *gocloak.User) bool { return person(gocloak.PString(u.Username)) == d.What })
		if at < 0 {
			continue // someone else was quicker
		}
		if err := s.remove(ctx, gocloak.PString(all[at].ID), d.What); err != nil {
			return err
		}
	}
	return nil
}

// allUsers are the people of the realm, without service accounts.
func (s *session) allUsers(ctx context.Context) ([]*gocloak.User, error) {
	all, err := s.api.GetUsers(ctx, s.api.Token, name, gocloak.GetUsersParams{Max: gocloak.IntP(manyPeople)})
	if err != nil {
		return nil, s.failed("list its users", err)
	}
	return all, nil
}

// makeAdministrator makes a user who may do anything. Until the last call
// succeeds they may do nothing.
func (s *session) makeAdministrator(ctx context.Context, who gocloak.User, password string) (id string, err error) {
	who.Enabled = gocloak.BoolP(true)
	who.Credentials = &[]gocloak.CredentialRepresentation{{
		Type: gocloak.StringP("password"), Value: &password, Temporary: gocloak.BoolP(false),
	}}
	role, err := s.api.GetRealmRole(ctx, s.api.Token, name, adminRole)
	if err != nil {
		return "", s.failed("find the role "+adminRole, err)
	}
	if id, err = s.api.CreateUser(ctx, s.api.Token, name, who); err != nil {
		return "", s.failed("create "+person(*who.Username), err)
	}
	if err = s.api.AddRealmRoleToUser(ctx, s.api.Token, name, id, []gocloak.Role{*role}); err != nil {
		return id, s.failed("give "+person(*who.Username)+" the role "+adminRole, err)
	}
	return id, nil
}

// remove deletes a user, which ends their sessions. Who is gone already is no error.
func (s *session) remove(ctx context.Context, id, who string) error {
	if err := s.api.DeleteUser(ctx, s.api.Token, name, id); err != nil && !admin.IsNotFound(err) {
		return s.failed("remove "+who, err)
	}
	return nil
}

// UnknownAdmins are people and service accounts that the stack did not make: those in
// the realm, where no person of the stack's stands in it, and everywhere those who
// may do anything.
func (r *Realm) UnknownAdmins(ctx context.Context) ([]string, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	people, err := s.allUsers(ctx)
	if err != nil {
		return nil, err
	}
	roleHolders, err := s.api.GetUsersByRoleName(ctx, s.api.Token, name, adminRole, gocloak.GetUsersByRoleParams{Max: gocloak.IntP(manyPeople)})
	if err != nil {
		return nil, s.failed("list the users with role "+adminRole, err)
	}
	ours := "service-account-" + strings.ToLower(r.keycloak.Provider.ID)
	if !slices.ContainsFunc(roleHolders, func(u *gocloak.User) bool { return gocloak.PString(u.Username) == ours }) {
		return nil, fmt.Errorf("the users with role %s in realm %s do not include %s, the account of this tool; does Keycloak still list the users of a role?", adminRole, name, ours)
	}
	if r.keycloak.Admin.Exists() {
		people = nil
	}
	return unmanaged(append(people, roleHolders...), ours, time.Now()), nil
}

func unmanaged(all []*gocloak.User, ours string, now time.Time) []string {
	var found []string
	for _, who := range all {
		username := gocloak.PString(who.Username)
		until, isTemporary := temporaryUntil(who)
		// Nobody is let in for longer: whoever has longer was made by someone else.
		isTemporary = isTemporary && until.Before(now.Add(identity.SessionMax+time.Minute))
		if isTemporary || username == ours || username == keycloak.AdminUsername {
			continue
		}
		found = append(found, username)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
