package adminrealm

import (
	"context"

	"github.com/Nerzal/gocloak/v13"
)

// BuiltinClient is a client that Keycloak creates in every realm. The vendor's provider cannot
// disable it: it adopts objects of Keycloak only to add something. A client that an administrator
// has removed counts as disabled.
func BuiltinClient(realm, clientID string, enabled bool) Part {
	called := "client " + clientID + " of realm " + realm
	word := func(enabled bool) string {
		if enabled {
			return "enabled"
		}
		return "disabled"
	}
	return Part{
		compare: func(s *session, ctx context.Context) ([]Difference, error) {
			found, err := s.client(ctx, realm, clientID)
			if err != nil {
				return nil, err
			}
			is := found != nil && gocloak.PBool(found.Enabled)
			if is == enabled {
				return nil, nil
			}
			return []Difference{{called, word(is), word(enabled)}}, nil
		},
		apply: func(s *session, ctx context.Context, _ []Difference) error {
			found, err := s.client(ctx, realm, clientID)
			if err != nil || found == nil {
				return err
			}
			// Omitted fields stay unchanged.
			change := gocloak.Client{ID: found.ID, ClientID: found.ClientID, Enabled: &enabled}
			if err := s.api.UpdateClient(ctx, s.api.Token, realm, change); err != nil {
				return s.failed("set "+called+" to "+word(enabled), err)
			}
			return nil
		},
	}
}

// client returns a client by its ID; nil if it does not exist.
func (s *session) client(ctx context.Context, realm, clientID string) (*gocloak.Client, error) {
	found, err := s.api.GetClients(ctx, s.api.Token, realm, gocloak.GetClientsParams{ClientID: &clientID})
	if err != nil {
		return nil, s.failed("find client "+clientID+" of realm "+realm, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}
