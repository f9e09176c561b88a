package adminrealm

import (
	"context"

	"github.com/Nerzal/gocloak/v13"
)

// BuiltinClient is a client that Keycloak creates in every realm. The program's vendor
// provider cannot disable it: it takes over what Keycloak made only as far as it adds
// something. One that an administrator has removed is disabled, too.
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
			// What is not sent stays as it is.
			change := gocloak.Client{ID: found.ID, ClientID: found.ClientID, Enabled: &enabled}
			if err := s.api.UpdateClient(ctx, s.api.Token, realm, change); err != nil {
				return s.failed("set "+called+" to "+word(enabled), err)
			}
			return nil
		},
	}
}

// client is a client by its name; nil where there is none.
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
