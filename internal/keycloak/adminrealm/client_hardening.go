package adminrealm

import (
	"context"
	"slices"

	"github.com/Nerzal/gocloak/v13"
)

// builtinAdminClients are clients that Keycloak creates in every realm for administrators of
// that realm, of whom the stack's realm has none. admin-cli accepts any user's name and
// password without a form, a browser, or the edge's login limit. The program cannot disable
// them: its provider adopts a built-in client only by adding to it.
func builtinAdminClients() []string { return []string{"admin-cli", "security-admin-console"} }

// clientName names a client in a difference.
func (s *session) clientName(client string) string {
	return "client " + client + " of realm " + s.stack.Realm.Name
}

// builtinClients reports which of them are enabled. A removed one counts as disabled.
func (s *session) builtinClients(ctx context.Context) ([]Difference, error) {
	clients, err := s.findBuiltinClients(ctx)
	if err != nil {
		return nil, err
	}
	var found []Difference
	for _, client := range clients {
		if gocloak.PBool(client.Enabled) {
			found = append(found, Difference{s.clientName(gocloak.PString(client.ClientID)), "enabled", "disabled"})
		}
	}
	return found, nil
}

func (s *session) findBuiltinClients(ctx context.Context) ([]*gocloak.Client, error) {
	all, err := s.api.GetClients(ctx, s.api.Token, s.stack.Realm.Name, gocloak.GetClientsParams{})
	if err != nil {
		return nil, s.failed("read the clients of realm "+s.stack.Realm.Name, err)
	}
	return slices.DeleteFunc(all, func(c *gocloak.Client) bool {
		return !slices.Contains(builtinAdminClients(), gocloak.PString(c.ClientID))
	}), nil
}

func (s *session) reconcileBuiltinClients(ctx context.Context, _ []Difference) error {
	clients, err := s.findBuiltinClients(ctx)
	if err != nil {
		return err
	}
	for _, client := range clients {
		// What is not sent stays as it is.
		change := gocloak.Client{ID: client.ID, ClientID: client.ClientID, Enabled: gocloak.BoolP(false)}
		if err := s.api.UpdateClient(ctx, s.api.Token, s.stack.Realm.Name, change); err != nil {
			return s.failed("shut "+s.clientName(gocloak.PString(client.ClientID)), err)
		}
	}
	return nil
}
