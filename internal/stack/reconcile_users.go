package stack

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/identityprovider"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmbaseline"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmusers"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// exclusive are the groups in which nobody is but whom the settings name.
func (s *Stack) exclusive() realmusers.ManagedGroups {
	groups := realmusers.ManagedGroups{}
	for _, group := range s.Config.Realm.ManagedGroups {
		groups[group] = s.Config.UsersInGroup(group)
		if group == realm.AdminGroup {
			groups[group] = append(groups[group], s.Config.Realm.Administrators...)
		}
	}
	return groups
}

// reconcileUsers takes strangers out of exclusive groups and invites the listed people
// who have no password yet. Where Keycloak cannot write to them, they are named.
func (s *Stack) reconcileUsers(ctx context.Context, step Step) (Changes, error) {
	if len(s.Config.Users) == 0 && len(s.Config.Realm.ManagedGroups) == 0 {
		return nil, nil
	}
	told, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	in, err := realmusers.Open(ctx, told)
	if err != nil {
		return nil, err
	}
	gone, err := in.Reconcile(ctx, s.exclusive())
	for _, who := range gone {
		s.tell(step, who+" taken out, the group is exclusive")
	}
	if err != nil {
		return nil, err
	}
	if err := s.invite(ctx, step, in); err != nil {
		return nil, err
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return Changes{"update": len(gone)}, nil
}

func (s *Stack) invite(ctx context.Context, step Step, in *realmusers.Realm) error {
	var usernames []string
	for _, p := range s.Config.Users {
		usernames = append(usernames, p.Username)
	}
	waiting, err := in.NeedInvitation(ctx, usernames)
	if err != nil || len(waiting) == 0 {
		return err
	}
	if s.Config.Realm.Mail == nil {
		s.tell(step, "no password yet: "+strings.Join(waiting, ", ")+" (`mlflow-sso invite NAME` gives one)")
		return nil
	}
	for _, username := range waiting {
		if _, err := in.Invite(ctx, username, realmusers.LinkLifetime, false); err != nil {
			return err
		}
		s.tell(step, username+" was written to, to set a password")
	}
	return nil
}

// tell says what happened to a person, at once and in the summary.
func (s *Stack) tell(step Step, what string) {
	step.Say("%s", what)
	s.stays = append(s.stays, what)
}

// differingPeople are those whom settlePeople would take out of a group.
func (s *Stack) differingPeople(ctx context.Context, found []report.Change) ([]report.Change, error) {
	if len(s.Config.Realm.ManagedGroups) == 0 || s.realmUnreadable(found) {
		return nil, nil
	}
	told, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	in, err := realmusers.Open(ctx, told)
	if err != nil {
		return nil, err
	}
	return in.Differences(ctx, s.exclusive())
}

// newlyListed says whether somebody is listed whom the state of a realm that stands
// does not know.
func (s *Stack) newlyListed(known *state) bool {
	if len(known.of(typeRealm)) == 0 {
		return false
	}
	var names []string
	for _, r := range known.of(typeUser) {
		username, _ := r.Inputs["username"].(string)
		names = append(names, username)
	}
	return slices.ContainsFunc(s.Config.Users, func(p config.User) bool { return !slices.Contains(names, p.Username) })
}

// made is what the settings add to the realm.
func (s *Stack) made() realmbaseline.Managed {
	made := realmbaseline.Managed{
		Administrators: append(s.Config.UsersInGroup(realm.AdminGroup), s.Config.Realm.Administrators...),
		Groups:         s.Config.Realm.Groups,
		ConfirmsEmail:  s.Config.ConfirmsEmail(),
	}
	for _, p := range s.Config.IdentityProviders {
		if slices.Contains(slices.Collect(maps.Values(p.Groups)), realm.AdminGroup) {
			made.Appointing = append(made.Appointing, p.Alias)
		}
		if p.LDAP != nil {
			made.Directories = append(made.Directories, p.Alias)
			continue
		}
		made.Flows = []string{identityprovider.FirstLogin}
		made.Providers = append(made.Providers, p.Alias)
		made.Mappers = append(made.Mappers, identityprovider.MapperNames(p.Alias, p.SAML != nil, p.Groups)...)
	}
	return made
}
