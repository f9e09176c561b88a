package adminrealm

import (
	"context"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// Identity sync may see people, and nothing else. The right belongs to a client that
// Keycloak makes by itself in every realm, so the program cannot give it.
const (
	rightsClient   = "realm-management"
	syncClientRole = "view-users"
)

// syncClient is identity sync's account and the client that its rights are of; empty where
// a user has removed its client, which the program sees.
type syncClient struct {
	account, rights string
	has             []*gocloak.Role
}

func (s *session) syncClientRights(ctx context.Context) ([]Difference, error) {
	w, err := s.findSyncClient(ctx)
	if err != nil || w.account == "" {
		return nil, err
	}
	names := make([]string, 0, len(w.has))
	for _, role := range w.has {
		names = append(names, gocloak.PString(role.Name))
	}
	if slices.Equal(names, []string{syncClientRole}) {
		return nil, nil
	}
	slices.Sort(names)
	got := strings.Join(names, ", ")
	if got == "" {
		got = "none"
	}
	return []Difference{{"rights of " + realm.SyncClientID + " in realm " + s.stack.Realm.Name, got, syncClientRole}}, nil
}

func (s *session) reconcileSyncClient(ctx context.Context, _ []Difference) error {
	w, err := s.findSyncClient(ctx)
	if err != nil {
		return err
	}
	in := s.stack.Realm.Name
	wanted, err := s.api.GetClientRole(ctx, s.api.Token, in, w.rights, syncClientRole)
	if err != nil {
		return s.failed("read the role "+syncClientRole, err)
	}
	var more []gocloak.Role
	for _, role := range w.has {
		if gocloak.PString(role.Name) != syncClientRole {
			more = append(more, *role)
		}
	}
	if len(more) > 0 {
		if err := s.api.DeleteClientRolesFromUser(ctx, s.api.Token, in, w.rights, w.account, more); err != nil {
			return s.failed("take rights from "+realm.SyncClientID, err)
		}
	}
	if len(more) < len(w.has) {
		return nil // it has the one that it shall have
	}
	if err := s.api.AddClientRolesToUser(ctx, s.api.Token, in, w.rights, w.account, []gocloak.Role{*wanted}); err != nil {
		return s.failed("give "+realm.SyncClientID+" the right "+syncClientRole, err)
	}
	return nil
}

func (s *session) findSyncClient(ctx context.Context) (w syncClient, err error) {
	in := s.stack.Realm.Name
	client, err := s.clientCalled(ctx, realm.SyncClientID)
	if err != nil || client == "" {
		return w, err
	}
	if w.rights, err = s.clientCalled(ctx, rightsClient); err != nil {
		return w, err
	}
	account, err := s.api.GetClientServiceAccount(ctx, s.api.Token, in, client)
	if err != nil {
		return w, s.failed("find the account of "+realm.SyncClientID, err)
	}
	w.account = gocloak.PString(account.ID)
	if w.has, err = s.api.GetClientRolesByUserID(ctx, s.api.Token, in, w.rights, w.account); err != nil {
		return w, s.failed("read the roles of "+realm.SyncClientID, err)
	}
	return w, nil
}

// clientCalled is Keycloak's own ID of a client; empty where there is none.
func (s *session) clientCalled(ctx context.Context, name string) (string, error) {
	found, err := s.api.GetClients(ctx, s.api.Token, s.stack.Realm.Name, gocloak.GetClientsParams{ClientID: &name})
	if err != nil {
		return "", s.failed("find client "+name+" of realm "+s.stack.Realm.Name, err)
	}
	if len(found) == 0 {
		return "", nil
	}
	return gocloak.PString(found[0].ID), nil
}
