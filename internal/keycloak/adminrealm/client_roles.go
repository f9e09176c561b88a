package adminrealm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"
)

// ClientRoles are a service account's roles that belong to another client: exactly the wanted
// ones.
func ClientRoles(realm, account, owner string, roles []string) Part {
	wanted := slices.Sorted(slices.Values(roles))
	called := "roles of " + account + " in realm " + realm
	return Part{
		compare: func(s *session, ctx context.Context) ([]Difference, error) {
			h, err := s.findHolder(ctx, realm, account, owner)
			if err != nil {
				return nil, err
			}
			if h.account == "" {
				return []Difference{{called, noAccount, listed(wanted)}}, nil
			}
			if slices.Equal(h.names(), wanted) {
				return nil, nil
			}
			return []Difference{{called, listed(h.names()), listed(wanted)}}, nil
		},
		apply: func(s *session, ctx context.Context, _ []Difference) error {
			h, err := s.findHolder(ctx, realm, account, owner)
			if err != nil {
				return err
			}
			if h.account == "" {
				return fmt.Errorf("%s: got no client %s and %s in realm %s, want both", called, account, owner, realm)
			}
			return s.setRoles(ctx, realm, h, called, wanted)
		},
	}
}

// How a difference says that there are no roles, or no account.
const (
	none      = "none"
	noAccount = "no such account"
)

func listed(names []string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

// Roles returns Keycloak's roles in a difference of ClientRoles.
func (d Difference) Roles() []string {
	if d.Got == none || d.Got == noAccount {
		return nil
	}
	return strings.Split(d.Got, ", ")
}

// roleHolder is a service account, the client that owns the roles, and the account's roles;
// account is empty if either client is missing.
type roleHolder struct {
	account, owner string
	has            []*gocloak.Role
}

func (h roleHolder) names() []string {
	names := make([]string, 0, len(h.has))
	for _, role := range h.has {
		names = append(names, gocloak.PString(role.Name))
	}
	slices.Sort(names)
	return names
}

// setRoles first removes surplus roles and then adds missing ones.
func (s *session) setRoles(ctx context.Context, realm string, h roleHolder, called string, wanted []string) error {
	var more, missing []gocloak.Role
	for _, role := range h.has {
		if !slices.Contains(wanted, gocloak.PString(role.Name)) {
			more = append(more, *role)
		}
	}
	for _, name := range wanted {
		if slices.Contains(h.names(), name) {
			continue
		}
		role, err := s.api.GetClientRole(ctx, s.api.Token, realm, h.owner, name)
		if err != nil {
			return s.failed("find the role "+name, err)
		}
		missing = append(missing, *role)
	}
	if len(more) > 0 {
		if err := s.api.DeleteClientRolesFromUser(ctx, s.api.Token, realm, h.owner, h.account, more); err != nil {
			return s.failed("remove "+called, err)
		}
	}
	if len(missing) > 0 {
		if err := s.api.AddClientRolesToUser(ctx, s.api.Token, realm, h.owner, h.account, missing); err != nil {
			return s.failed("add "+called, err)
		}
	}
	return nil
}

func (s *session) findHolder(ctx context.Context, realm, account, owner string) (h roleHolder, err error) {
	client, err := s.client(ctx, realm, account)
	if err != nil || client == nil {
		return h, err
	}
	owning, err := s.client(ctx, realm, owner)
	if err != nil || owning == nil {
		return h, err
	}
	h.owner = gocloak.PString(owning.ID)
	user, err := s.api.GetClientServiceAccount(ctx, s.api.Token, realm, gocloak.PString(client.ID))
	if err != nil {
		return h, s.failed("find the service account of "+account, err)
	}
	h.account = gocloak.PString(user.ID)
	if h.has, err = s.api.GetClientRolesByUserID(ctx, s.api.Token, realm, h.owner, h.account); err != nil {
		return h, s.failed("read the roles of "+account, err)
	}
	return h, nil
}
