package adminrealm

import (
	"context"
	"slices"

	"github.com/Nerzal/gocloak/v13"
)

// builtinAdminClients are clients that Keycloak gives every realm for administrators of that
// realm alone, of whom the stack's realm has none. One of them, for a command line,
// takes anybody's name and password without a form, a browser, or the limit that an
// edge sets to logins. The program cannot shut them: its provider takes over what
// Keycloak made only as far as it adds something.
func builtinAdminClients() []string { return []string{"admin-cli", "security-admin-console"} }

// door is how a difference calls one.
func (s *session) door(client string) string {
	return "client " + client + " of realm " + s.stack.Realm.Name
}

// doors reports which are open. One that a user has removed is shut, too.
func (s *session) doors(ctx context.Context) ([]Difference, error) {
	clients, err := s.doorClients(ctx)
	if err != nil {
		return nil, err
	}
	var found []Difference
	for _, client := range clients {
		if gocloak.PBool(client.Enabled) {
			found = append(found, Difference{s.door(gocloak.PString(client.ClientID)), "enabled", "disabled"})
		}
	}
	return found, nil
}

func (s *session) doorClients(ctx context.Context) ([]*gocloak.Client, error) {
	all, err := s.api.GetClients(ctx, s.api.Token, s.stack.Realm.Name, gocloak.GetClientsParams{})
	if err != nil {
		return nil, s.failed("read the clients of realm "+s.stack.Realm.Name, err)
	}
	return slices.DeleteFunc(all, func(c *gocloak.Client) bool {
		return !slices.Contains(builtinAdminClients(), gocloak.PString(c.ClientID))
	}), nil
}

func (s *session) reconcileDoors(ctx context.Context, _ []Difference) error {
	clients, err := s.doorClients(ctx)
	if err != nil {
		return err
	}
	for _, client := range clients {
		// What is not sent stays as it is.
		change := gocloak.Client{ID: client.ID, ClientID: client.ClientID, Enabled: gocloak.BoolP(false)}
		if err := s.api.UpdateClient(ctx, s.api.Token, s.stack.Realm.Name, change); err != nil {
			return s.failed("shut "+s.door(gocloak.PString(client.ClientID)), err)
		}
	}
	return nil
}
