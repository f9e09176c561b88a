package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// IdentityProvider is an external source of users.
type IdentityProvider struct {
	// Alias is the provider's name in Keycloak. User names of its users begin with it.
	Alias string `json:"alias"`
	// DisplayName is the text of the button in the login form; the alias if it is empty.
	DisplayName string `json:"displayName"`
	// Groups maps the provider's groups to those of the realm. A user without a mapped
	// group is refused.
	Groups map[string]string `json:"groups"`
	// TrustEmail says that the provider verifies e-mail addresses. Otherwise Keycloak does,
	// by mail.
	TrustEmail bool `json:"trustEmail"`
	// OIDC is set for an OpenID Connect provider.
	OIDC *OIDC `json:"oidc"`
	// SAML is set for a SAML 2.0 provider.
	SAML *SAML `json:"saml"`
	// LDAP is set for an LDAP directory.
	LDAP *LDAP `json:"ldap"`
}

// OIDC is an OpenID Connect provider.
type OIDC struct {
	// MetadataFile is the absolute path of a file with the provider's document
	// /.well-known/openid-configuration.
	MetadataFile string `json:"metadataFile"`
	// ClientID is this stack's client ID at the provider.
	ClientID string `json:"clientID"`
	// ClientSecretFile is the absolute path of a file with the client secret.
	ClientSecretFile SecretFile `json:"clientSecretFile"`
	// GroupsClaim is the claim with the user's groups.
	GroupsClaim string `json:"groupsClaim"`
	// Scopes are the requested scopes.
	Scopes string `json:"scopes"`
}

func (o *OIDC) setDefaults() { o.GroupsClaim, o.Scopes = "groups", "openid profile email" }

// DisplayTitle returns the label of the button in the login form.
func (p IdentityProvider) DisplayTitle() string {
	if p.DisplayName == "" {
		return p.Alias
	}
	return p.DisplayName
}

// The kinds of identity providers.
const (
	KindOIDC = "oidc"
	KindSAML = "saml"
	KindLDAP = "ldap"
)

// Kind returns the kind of the provider.
func (p IdentityProvider) Kind() string {
	switch {
	case p.LDAP != nil:
		return KindLDAP
	case p.SAML != nil:
		return KindSAML
	}
	return KindOIDC
}

// ConfirmsEmail reports whether a provider's users must confirm their address by mail.
func (c *Config) ConfirmsEmail() bool {
	return slices.ContainsFunc(c.IdentityProviders, func(p IdentityProvider) bool { return !p.TrustEmail })
}

var (
	aliasPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	claimPattern = regexp.MustCompile(`^[A-Za-z0-9_:./-]{1,128}$`)
)

func (v *validation) providers(c *Config) {
	for i, p := range c.IdentityProviders {
		key := fmt.Sprintf("identityProviders[%d]", i)
		if !aliasPattern.MatchString(p.Alias) {
			v.fail(key+".alias", "got %q, want at most 40 lower-case letters, digits and hyphens, a letter first", p.Alias)
		}
		for _, other := range c.IdentityProviders[:i] {
			if p.Alias == other.Alias {
				v.fail(key+".alias", "got %q twice, want another: it names the provider in Keycloak", p.Alias)
			}
		}
		if strings.ContainsFunc(p.DisplayName, unicode.IsControl) {
			v.fail(key+".displayName", "got %q, want one line", p.DisplayName)
		}
		v.mapping(key+".groups", p, c)
		if !p.TrustEmail && c.Realm.Mail == nil {
			v.fail(key+".trustEmail", "got false while realm.mail is not set, want true if %s verifies that an address belongs to the user, "+
				"or a mail server, with which Keycloak does: MLflow identifies users by their address", p.Alias)
		}
		ways := 0
		for _, ok := range []bool{p.OIDC != nil, p.SAML != nil, p.LDAP != nil} {
			if ok {
				ways++
			}
		}
		switch {
		case ways != 1:
			v.fail(key, "got %d of oidc, saml and ldap for %s, want one of them", ways, p.Alias)
		case p.OIDC != nil:
			v.oidc(key+".oidc", p.OIDC)
		case p.SAML != nil:
			v.saml(key+".saml", p.SAML)
		default:
			v.ldap(key+".ldap", p.Groups, p.LDAP)
		}
	}
}

// mapping requires that a user can log in, and that a login and an update do not undo each
// other's changes.
func (v *validation) mapping(key string, p IdentityProvider, c *Config) {
	entrance := false
	for _, theirs := range slices.Sorted(maps.Keys(p.Groups)) {
		ours := p.Groups[theirs]
		v.knownGroup(key, ours, c)
		entrance = entrance || ours == realm.UserGroup || ours == realm.AdminGroup
		if theirs == "" || strings.TrimSpace(theirs) != theirs || strings.ContainsFunc(theirs, unicode.IsControl) || strings.Contains(theirs, "::") {
			v.fail(key, "got %q for a group of %s, want its name", theirs, p.Alias)
		}
		if slices.Contains(c.Realm.ManagedGroups, ours) {
			v.fail(key, "got %q, which is in realm.managedGroups, want one of the two: a managed group has only the members in the stack file", ours)
		}
	}
	if !entrance {
		v.fail(key, "got none of %s that is mapped to %s or %s, want one: every user would be refused", p.Alias, realm.UserGroup, realm.AdminGroup)
	}
}

func (v *validation) oidc(key string, o *OIDC) {
	if _, err := ReadDiscovery(o.MetadataFile); err != nil {
		v.fail(key+".metadataFile", "%w", err)
	}
	if o.ClientID == "" || strings.TrimSpace(o.ClientID) != o.ClientID {
		v.fail(key+".clientID", "got %q, want what the provider calls this stack", o.ClientID)
	}
	v.secret(key+".clientSecretFile", o.ClientSecretFile)
	if !claimPattern.MatchString(o.GroupsClaim) {
		v.fail(key+".groupsClaim", "got %q, want the name of a claim", o.GroupsClaim)
	}
	if !slices.Contains(strings.Fields(o.Scopes), "openid") {
		v.fail(key+".scopes", "got %q, want scopes with openid among them", o.Scopes)
	}
}
