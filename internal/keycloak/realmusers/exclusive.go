package realmusers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

const (
	// many are more than any group has.
	many = 100000
	// MemberUnlisted is the ID of a finding of drift.
	MemberUnlisted check.ID = "member-unlisted"
	// machinePrefix begins the user names of the accounts of clients.
	machinePrefix = "service-account-"
)

// ManagedGroups are the groups in which nobody is but these, by the groups' names. Demo
// users and machines that belong there need not be named.
type ManagedGroups map[string][]string

// member is a user in a group.
type member struct {
	group, groupID string
	who            *gocloak.User
}

// resource is how progress and differences call them.
func (m member) resource() string {
	return fmt.Sprintf("user %s in group %s", gocloak.PString(m.who.Username), m.group)
}

// unlisted are those who have no place where they are.
func (r *Realm) unlisted(ctx context.Context, groups ManagedGroups) ([]member, error) {
	var found []member
	for name, named := range groups {
		group, err := r.api.GetGroupByPath(ctx, r.api.Token, r.stack.Realm.Name, name)
		if admin.IsNotFound(err) {
			continue // Pulumi reports that it is gone
		}
		if err != nil {
			return nil, r.failed("find group "+name, err)
		}
		all, err := r.api.GetGroupMembers(ctx, r.api.Token, r.stack.Realm.Name, *group.ID, gocloak.GetGroupsParams{Max: gocloak.IntP(many)})
		if err != nil {
			return nil, r.failed("list the members of group "+name, err)
		}
		for _, who := range all {
			belongs := slices.Contains(named, gocloak.PString(who.Username)) || r.isDemoUser(who, name)
			if !belongs {
				if belongs, err = r.isMachine(ctx, who); err != nil {
					return nil, err
				}
			}
			if !belongs {
				found = append(found, member{name, *group.ID, who})
			}
		}
	}
	slices.SortFunc(found, func(a, b member) int { return strings.Compare(a.resource(), b.resource()) })
	return found, nil
}

func (r *Realm) isDemoUser(who *gocloak.User, group string) bool {
	for _, user := range r.stack.DemoUsers {
		if user.Username == gocloak.PString(who.Username) && user.Group == group {
			return true
		}
	}
	return false
}

// isMachine asks for the client, since a name alone proves nothing.
func (r *Realm) isMachine(ctx context.Context, who *gocloak.User) (bool, error) {
	id, ok := strings.CutPrefix(gocloak.PString(who.Username), machinePrefix)
	if !ok {
		return false, nil
	}
	clients, err := r.api.GetClients(ctx, r.api.Token, r.stack.Realm.Name, gocloak.GetClientsParams{ClientID: &id})
	if err != nil {
		return false, r.failed("find client "+id, err)
	}
	return len(clients) == 1 && gocloak.PBool(clients[0].ServiceAccountsEnabled), nil
}

// Differences are the members whom Reconcile would take out; nothing is changed.
func (r *Realm) Differences(ctx context.Context, groups ManagedGroups) ([]check.Finding, error) {
	unlisted, err := r.unlisted(ctx, groups)
	found := make([]check.Finding, 0, len(unlisted))
	for _, m := range unlisted {
		found = append(found, check.Finding{
			ID: MemberUnlisted, Component: check.Realm, Cause: m.resource(), Summary: m.resource() + ": " + check.Unmanaged,
			Got: "a member", Wanted: "only users that the settings list", Fix: check.UpCommand,
			Next: "the settings do not name them, and the group is managed; `mlflow-sso up` removes them",
		})
	}
	return found, err
}

// Reconcile removes unlisted members from managed groups, and returns whom it removed.
func (r *Realm) Reconcile(ctx context.Context, groups ManagedGroups) ([]string, error) {
	unlisted, err := r.unlisted(ctx, groups)
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, m := range unlisted {
		if err := r.api.DeleteUserFromGroup(ctx, r.api.Token, r.stack.Realm.Name, *m.who.ID, m.groupID); err != nil {
			return gone, r.failed("take out "+m.resource(), err)
		}
		gone = append(gone, m.resource())
	}
	return gone, nil
}
