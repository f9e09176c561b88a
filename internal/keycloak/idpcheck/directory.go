package idpcheck

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

const (
	// kindLDAP is the kind of a directory in outputs.
	kindLDAP = "ldap"
	// stored is the placeholder for the password that Keycloak stores.
	stored = "**********"
)

// component is Keycloak's configuration of a directory.
type component struct {
	ID     string              `json:"id"`
	Name   string              `json:"name"`
	Config map[string][]string `json:"config"`
}

func (c component) is(key string) string {
	if values := c.Config[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// checkDirectory makes Keycloak connect, and then log in with its stored password.
func (a *asker) checkDirectory(ctx context.Context, alias string) ([]Problem, error) {
	var all []component
	query := url.Values{"name": {alias}, "type": {"org.keycloak.storage.UserStorageProvider"}}
	status, _, err := a.call(ctx, http.MethodGet, "/components?"+query.Encode(), nil, &all)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, fmt.Errorf("status %d", status)
	case len(all) != 1:
		return []Problem{{Missing, alias, "Keycloak knows no directory " + alias, "no such directory", "the directory", ""}}, nil
	}
	kept := all[0]
	at := kept.is("connectionUrl")
	if kept.is("enabled") == "false" {
		return []Problem{{Disabled, alias, "directory " + alias + " is disabled: none of its users can log in", "disabled", "enabled", ""}}, nil
	}
	for _, try := range []struct{ action, id, what, wanted string }{
		{"testConnection", Unreachable, "Keycloak cannot reach directory " + alias + ": none of its users can log in", "a connection over TLS"},
		{"testAuthentication", Refused, "directory " + alias + " refuses the password of " + kept.is("bindDn") + ": none of its users can log in", "a login"},
	} {
		status, said, err := a.call(ctx, http.MethodPost, "/testLDAPConnection", map[string]string{
			"action": try.action, "connectionUrl": at, "bindDn": kept.is("bindDn"), "bindCredential": stored, "componentId": kept.ID,
			"useTruststoreSpi": kept.is("useTruststoreSpi"), "connectionTimeout": kept.is("connectionTimeout"), "startTls": kept.is("startTls"),
			"authType": kept.is("authType"),
		}, nil)
		if err != nil {
			return nil, err
		}
		if status != http.StatusNoContent {
			return []Problem{{try.id, alias, try.what, fmt.Sprintf("status %d, %s", status, said), try.wanted, at}}, nil
		}
	}
	return nil, nil
}
