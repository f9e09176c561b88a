package pristine

import (
	"slices"
	"strings"
)

// paths are those of things that settings add. What Pulumi's refresh sees of them it
// tells; a path stands for all below it.
func (m Made) paths() []string {
	var all []string
	for _, group := range m.Groups {
		at := "groups" + between + group + between
		all = append(all, at+"name", at+"path")
	}
	for list, names := range map[string][]string{
		"authenticationFlows": m.Flows, "identityProviders": m.Providers, "identityProviderMappers": m.Mappers,
		// Keycloak adds mappers of its own to a directory.
		"components" + between + "org.keycloak.storage.UserStorageProvider": m.Directories,
	} {
		for _, name := range names {
			all = append(all, list+between+name)
		}
	}
	if m.ConfirmsEmail {
		all = append(all, "verifyEmail")
	}
	return all
}

// has says whether a path is of what the settings add.
func (m Made) has(path string) bool {
	return slices.ContainsFunc(m.paths(), func(known string) bool {
		return path == known || strings.HasPrefix(path, known+between)
	})
}
