// Package groupmembers finds and removes unlisted members of a group.
//
// Service accounts stay: their clients are managed separately.
package groupmembers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// many is more than any group has.
const many = 100000

// Group is a group of a realm by its name.
type Group struct {
	Realm, Name string
}

// Member is a user in a group.
type Member struct {
	Username string

	group       Group
	id, groupID string
}

// String returns a member's name for progress and findings.
func (m Member) String() string {
	return fmt.Sprintf("person %s in group %s", m.Username, m.group.Name)
}

// Unlisted returns the members that are neither listed nor service accounts, by name. exists reports
// whether the group exists.
func (g Group) Unlisted(ctx context.Context, api *admin.Client, listed []string) (found []Member, exists bool, err error) {
	group, err := api.GetGroupByPath(ctx, api.Token, g.Realm, g.Name)
	if admin.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find group %s: %w", g.Name, err)
	}
	id := gocloak.PString(group.ID)
	all, err := api.GetGroupMembers(ctx, api.Token, g.Realm, id, gocloak.GetGroupsParams{Max: gocloak.IntP(many)})
	if err != nil {
		return nil, true, fmt.Errorf("read the members of group %s: %w", g.Name, err)
	}
	for _, who := range all {
		m := Member{Username: gocloak.PString(who.Username), group: g, id: gocloak.PString(who.ID), groupID: id}
		if slices.Contains(listed, m.Username) {
			continue
		}
		account, err := g.isServiceAccount(ctx, api, m.Username)
		if err != nil {
			return nil, true, err
		}
		if !account {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b Member) int { return strings.Compare(a.Username, b.Username) })
	return found, true, nil
}

// isServiceAccount looks up the client, since a name alone proves nothing.
func (g Group) isServiceAccount(ctx context.Context, api *admin.Client, username string) (bool, error) {
	id, ok := strings.CutPrefix(username, realm.ServiceAccountUsername(""))
	if !ok {
		return false, nil
	}
	clients, err := api.GetClients(ctx, api.Token, g.Realm, gocloak.GetClientsParams{ClientID: &id})
	if err != nil {
		return false, fmt.Errorf("find client %s: %w", id, err)
	}
	return len(clients) == 1 && gocloak.PBool(clients[0].ServiceAccountsEnabled), nil
}

// Remove removes unlisted members from the group and returns them. The error names each one that
// Keycloak cannot remove, such as a user of a read-only directory.
func (g Group) Remove(ctx context.Context, api *admin.Client, listed []string) (gone []Member, err error) {
	found, exists, err := g.Unlisted(ctx, api, listed)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, fmt.Errorf("got no group %s in realm %s, want it there", g.Name, g.Realm)
	}
	var errs []error
	for _, m := range found {
		if err := api.DeleteUserFromGroup(ctx, api.Token, g.Realm, m.id, m.groupID); err != nil {
			errs = append(errs, fmt.Errorf("take out %s: %w", m, err))
		}
	}
	left, _, err := g.Unlisted(ctx, api, listed)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	for _, m := range found {
		if !slices.Contains(left, m) {
			gone = append(gone, m)
		}
	}
	for _, m := range left {
		errs = append(errs, fmt.Errorf("%s is still a member, want only users that the settings list: add them to the settings, or remove them where the membership comes from", m))
	}
	return gone, errors.Join(errs...)
}
