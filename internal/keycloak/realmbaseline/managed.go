package realmbaseline

import (
	"context"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"
)

// paths are the paths of objects that settings add. Pulumi's refresh reports what it sees of
// them; a path includes everything below it.
func (m Managed) paths() []string {
	var all []string
	for _, group := range m.Groups {
		at := "groups" + pathSeparator + group + pathSeparator
		all = append(all, at+"name", at+"path")
	}
	for list, names := range map[string][]string{
		"authenticationFlows": m.Flows, "identityProviders": m.Providers, "identityProviderMappers": m.Mappers,
		// Keycloak adds mappers of its own to a directory.
		"components" + pathSeparator + "org.keycloak.storage.UserStorageProvider": m.Directories,
	} {
		for _, name := range names {
			all = append(all, list+pathSeparator+name)
		}
	}
	if m.ConfirmsEmail {
		all = append(all, "verifyEmail")
	}
	return all
}

// has reports whether a path belongs to an object that the settings add.
func (m Managed) has(path string) bool {
	return slices.ContainsFunc(m.paths(), func(known string) bool {
		return path == known || strings.HasPrefix(path, known+pathSeparator)
	})
}

// federatedFrom returns a user's identity provider or directory; empty if there is none. It sends
// no request if no provider appoints administrators.
func (r *Realm) federatedFrom(ctx context.Context, who *gocloak.User) (string, error) {
	if len(r.made.Appointing) == 0 {
		return "", nil
	}
	if link := gocloak.PString(who.FederationLink); link != "" {
		directory, err := r.api.GetComponent(ctx, r.api.Token, r.stack.Realm.Name, link)
		if err != nil {
			return "", r.failed("find the directory of "+gocloak.PString(who.Username), err)
		}
		return gocloak.PString(directory.Name), nil
	}
	links, err := r.api.Identities(ctx, r.stack.Realm.Name, gocloak.PString(who.ID))
	if err != nil {
		return "", r.failed("read the identity providers of "+gocloak.PString(who.Username), err)
	}
	if len(links) == 0 {
		return "", nil
	}
	return links[0].Provider, nil
}
