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
	// adminRole grants all permissions in Keycloak.
	adminRole = "admin"
	// manyPeople is more than this realm ever has.
	manyPeople = 10000

	there, away = "there", "away"
)

// person is the prefix of a difference about an administrator. No other difference has it.
func person(username string) string { return "administrator " + username }

// Admins compares the users of realm master: the permanent administrator exists exactly if
// configured, and no expired temporary one does.
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

// IsPermanentAdmin reports whether a difference is about the permanent administrator.
func (d Difference) IsPermanentAdmin() bool { return d.What == person(keycloak.AdminUsername) }

// Username returns the user whom a difference is about; empty for others.
func (d Difference) Username() string {
	username, ok := strings.CutPrefix(d.What, person(""))
	if !ok {
		return ""
	}
	return username
}

// judgePeople requires the permanent administrator if configured, no user of that name otherwise,
// and no expired temporary administrators.
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

// setAdmins creates missing administrators and removes others.
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
			continue // a concurrent run was faster
		}
		if err := s.remove(ctx, gocloak.PString(all[at].ID), d.What); err != nil {
			return err
		}
	}
	return nil
}

// allUsers returns the users of the realm, without service accounts.
func (s *session) allUsers(ctx context.Context) ([]*gocloak.User, error) {
	all, err := s.api.GetUsers(ctx, s.api.Token, name, gocloak.GetUsersParams{Max: gocloak.IntP(manyPeople)})
	if err != nil {
		return nil, s.failed("list its users", err)
	}
	return all, nil
}

// makeAdministrator creates a user with all permissions. Until the last call succeeds, the user
// has none.
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

// remove deletes a user, which ends their sessions. A missing user is not an error.
func (s *session) remove(ctx context.Context, id, who string) error {
	if err := s.api.DeleteUser(ctx, s.api.Token, name, id); err != nil && !admin.IsNotFound(err) {
		return s.failed("remove "+who, err)
	}
	return nil
}

// UnknownAdmins returns users and service accounts that the stack did not create: all in a realm
// without the stack's own users, and everywhere those with all permissions.
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
		// This tool never grants more time: an account with more was created by another user.
		isTemporary = isTemporary && until.Before(now.Add(identity.SessionMax+time.Minute))
		if isTemporary || username == ours || username == keycloak.AdminUsername {
			continue
		}
		found = append(found, username)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
