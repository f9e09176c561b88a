package config

import (
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// LDAP is an LDAP directory. It is only read.
type LDAP struct {
	// Host is the directory's host name or address, as Keycloak's container reaches it.
	Host string `json:"host"`
	// Port is the directory's port for LDAP over TLS.
	Port int `json:"port"`
	// BindDN is the distinguished name to bind with.
	BindDN string `json:"bindDN"`
	// BindPasswordFile is the absolute path of a file with the bind password.
	BindPasswordFile SecretFile `json:"bindPasswordFile"`
	// UsersDN is the base of the users.
	UsersDN string `json:"usersDN"`
	// GroupsDN is the base of the groups.
	GroupsDN string `json:"groupsDN"`
	// Filter selects users; empty selects all.
	Filter string `json:"filter"`
	// UsernameAttribute is the attribute with the user name.
	UsernameAttribute string `json:"usernameAttribute"`
	// UUIDAttribute is the attribute with an identifier that never changes.
	UUIDAttribute string `json:"uuidAttribute"`
	// UserClass is the object class of users.
	UserClass string `json:"userClass"`
	// GroupClass is the object class of groups.
	GroupClass string `json:"groupClass"`
}

func (l *LDAP) setDefaults() {
	l.Port, l.UsernameAttribute, l.UUIDAttribute, l.UserClass, l.GroupClass = 636, "uid", "entryUUID", "inetOrgPerson", "groupOfNames"
}

// Server returns the address for Keycloak's container.
func (l *LDAP) Server() address.Server { return address.Server{Host: l.Host, Port: l.Port, TLS: true} }

// URL returns the same as an LDAP URL.
func (l *LDAP) URL() string { return "ldaps://" + net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

var (
	dnPattern        = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*=[^,=\x00]+(,[A-Za-z][A-Za-z0-9-]*=[^,=\x00]+)*$`)
	filterPattern    = regexp.MustCompile(`^\([^\x00-\x1f]+\)$`)
	attributePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
)

func (v *validation) ldap(key string, groups map[string]string, l *LDAP) {
	v.server(key, l.Server())
	for _, dn := range []struct{ key, got string }{{"bindDN", l.BindDN}, {"usersDN", l.UsersDN}, {"groupsDN", l.GroupsDN}} {
		if !dnPattern.MatchString(dn.got) {
			v.fail(key+"."+dn.key, "got %q, want a distinguished name such as ou=people,dc=example,dc=com", dn.got)
		}
	}
	v.secret(key+".bindPasswordFile", l.BindPasswordFile)
	if l.Filter != "" && (!filterPattern.MatchString(l.Filter) || strings.Count(l.Filter, "(") != strings.Count(l.Filter, ")")) {
		v.fail(key+".filter", "got %q, want a filter in brackets such as (employeeType=staff)", l.Filter)
	}
	for _, name := range []struct{ key, got string }{
		{"usernameAttribute", l.UsernameAttribute}, {"uuidAttribute", l.UUIDAttribute}, {"userClass", l.UserClass}, {"groupClass", l.GroupClass},
	} {
		if !attributePattern.MatchString(name.got) {
			v.fail(key+"."+name.key, "got %q, want a name of the directory's schema", name.got)
		}
	}
	// Keycloak's mapper for a directory's groups matches them by name.
	for _, theirs := range slices.Sorted(maps.Keys(groups)) {
		if theirs != groups[theirs] {
			v.fail(strings.TrimSuffix(key, ".ldap")+".groups", "got %q for %q, want the same name on both sides: Keycloak takes a directory's groups by their names; "+
				"create a group %s there", groups[theirs], theirs, groups[theirs])
		}
	}
}
