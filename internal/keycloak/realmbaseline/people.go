package realmbaseline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

const (
	// manyPeople is more than the number of any group's administrators.
	manyPeople = 10000
	// management is the client with the roles for administering the realm.
	management = "realm-management"
)

// people reports users who may administer MLflow or the realm, and whom the stack did not create.
// Members of the users' group are not its concern.
func (r *Realm) people(ctx context.Context) ([]check.Finding, error) {
	admins, err := r.administrators(ctx)
	if err != nil {
		return nil, err
	}
	managers, err := r.managers(ctx)
	return append(admins, managers...), err
}

func (r *Realm) administrators(ctx context.Context) ([]check.Finding, error) {
	of := r.stack.Realm
	group, err := r.api.GetGroupByPath(ctx, r.api.Token, of.Name, of.AdminGroup)
	if admin.IsNotFound(err) {
		return nil, nil // Pulumi reports that it is missing
	}
	if err != nil {
		return nil, r.failed("find group "+of.AdminGroup, err)
	}
	members, err := r.api.GetGroupMembers(ctx, r.api.Token, of.Name, *group.ID, gocloak.GetGroupsParams{Max: gocloak.IntP(manyPeople)})
	if err != nil {
		return nil, r.failed("list the members of group "+of.AdminGroup, err)
	}
	unlisted, err := r.unlisted(ctx, members)
	if err != nil {
		return nil, err
	}
	var found []check.Finding
	for _, name := range unlisted {
		resource := fmt.Sprintf("user %s in group %s", name, of.AdminGroup)
		found = append(found, check.Finding{
			ID: AdminUndeclared, Component: check.Realm, Cause: resource, Summary: resource + ": " + check.Unmanaged,
			Got: "a member of " + of.AdminGroup, Wanted: "only users that the settings name",
			Next: "may administer MLflow; name them in `realm.administrators`, or remove them from the group " + inTheConsole,
		})
	}
	return found, nil
}

// unlisted returns administrators that neither the stack created nor the settings list or let a
// provider appoint.
func (r *Realm) unlisted(ctx context.Context, all []*gocloak.User) ([]string, error) {
	var names []string
	for _, who := range all {
		name := gocloak.PString(who.Username)
		ours := slices.Contains(r.made.Administrators, name)
		for _, account := range r.stack.ServiceAccounts {
			ours = ours || account.Admin && account.Username == name
		}
		for _, user := range r.stack.DemoUsers {
			ours = ours || user.Username == name && user.Group == r.stack.Realm.AdminGroup
		}
		if !ours {
			from, err := r.federatedFrom(ctx, who)
			if err != nil {
				return nil, err
			}
			ours = slices.Contains(r.made.Appointing, from)
		}
		if !ours {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// managers returns users with a role for administering the realm.
func (r *Realm) managers(ctx context.Context) ([]check.Finding, error) {
	in := r.stack.Realm.Name
	clients, err := r.api.GetClients(ctx, r.api.Token, in, gocloak.GetClientsParams{ClientID: gocloak.StringP(management)})
	if err != nil {
		return nil, r.failed("find client "+management, err)
	}
	if len(clients) != 1 {
		return nil, nil // the comparison reports that it is missing
	}
	roles, err := r.api.GetClientRoles(ctx, r.api.Token, in, *clients[0].ID, gocloak.GetRoleParams{})
	if err != nil {
		return nil, r.failed("read the roles of "+management, err)
	}
	has := map[string][]string{}
	for _, role := range roles {
		who, err := r.api.GetUsersByClientRoleName(ctx, r.api.Token, in, *clients[0].ID, *role.Name, gocloak.GetUsersByRoleParams{Max: gocloak.IntP(manyPeople)})
		if err != nil {
			return nil, r.failed("list the users with role "+*role.Name, err)
		}
		for _, user := range who {
			name := gocloak.PString(user.Username)
			has[name] = append(has[name], *role.Name)
		}
	}
	var found []check.Finding
	for name, roles := range has {
		if name == "service-account-"+realm.SyncClientID {
			continue // package adminrealm assigns its roles, and reports any others
		}
		slices.Sort(roles)
		found = append(found, check.Finding{
			ID: RealmAdminUnmanaged, Component: check.Realm, Cause: "user " + name, Summary: "user " + name + ": " + check.Unmanaged,
			Got: "roles of " + management + ": " + strings.Join(roles, ", "), Wanted: "no such role",
			Next: fmt.Sprintf("has roles of %s (%s); remove them %s", management, strings.Join(roles, ", "), inTheConsole),
		})
	}
	slices.SortFunc(found, func(a, b check.Finding) int { return strings.Compare(a.Cause, b.Cause) })
	return found, nil
}
