package identityprovider

import (
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/ldap"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// LDAP is a directory. Access is read-only.
type LDAP struct {
	// URL is its address, with TLS.
	URL string
	// BindDN and BindPassword are the credentials of the reader.
	BindDN       string
	BindPassword pulumi.StringInput
	// UsersDN and GroupsDN are the base DNs of users and groups.
	UsersDN, GroupsDN string
	// Filter excludes users who do not match; empty for none.
	Filter string
	// UsernameAttribute is the login name, UUIDAttribute an attribute that never changes.
	UsernameAttribute, UUIDAttribute string
	// UserClass and GroupClass are the object classes of users and groups.
	UserClass, GroupClass string
}

// filter excludes users without an address: MLflow's plugin would use the user name as one.
func (l *LDAP) filter() string {
	if l.Filter == "" {
		return "(mail=*)"
	}
	return "(&(mail=*)" + l.Filter + ")"
}

// named returns a filter for groups with this name.
func named(groups map[string]string) string {
	var text strings.Builder
	text.WriteString("(|")
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		text.WriteString("(cn=" + name + ")")
	}
	text.WriteString(")")
	return text.String()
}

// patience is Keycloak's timeout for a directory: without one, a login may block indefinitely.
const patience = "10s"

func (b *builder) directory(p Provider) error {
	made, err := ldap.NewUserFederation(b.ctx, b.name+"-"+p.Alias, &ldap.UserFederationArgs{
		RealmId:                b.args.Realm.RealmID,
		Name:                   pulumi.String(p.Alias),
		Enabled:                pulumi.Bool(true),
		Vendor:                 pulumi.String("OTHER"),
		ConnectionUrl:          pulumi.String(p.LDAP.URL),
		ConnectionTimeout:      pulumi.String(patience),
		ReadTimeout:            pulumi.String(patience),
		BindDn:                 pulumi.String(p.LDAP.BindDN),
		BindCredential:         pulumi.ToSecret(p.LDAP.BindPassword).(pulumi.StringOutput),
		UsersDn:                pulumi.String(p.LDAP.UsersDN),
		UsernameLdapAttribute:  pulumi.String(p.LDAP.UsernameAttribute),
		RdnLdapAttribute:       pulumi.String(p.LDAP.UsernameAttribute),
		UuidLdapAttribute:      pulumi.String(p.LDAP.UUIDAttribute),
		UserObjectClasses:      pulumi.ToStringArray([]string{p.LDAP.UserClass}),
		CustomUserSearchFilter: pulumi.String(p.LDAP.filter()),
		SearchScope:            pulumi.String("SUBTREE"),
		EditMode:               pulumi.String("READ_ONLY"),
		ImportEnabled:          pulumi.Bool(true),
		SyncRegistrations:      pulumi.Bool(false),
		TrustEmail:             pulumi.Bool(p.TrustEmail),
	}, b.args.Realm.Options(b.component)...)
	if err != nil {
		return err
	}
	_, err = ldap.NewGroupMapper(b.ctx, b.name+"-"+p.Alias+"-groups", &ldap.GroupMapperArgs{
		RealmId:                         b.args.Realm.RealmID,
		LdapUserFederationId:            made.ID(),
		Name:                            pulumi.String("groups"),
		LdapGroupsDn:                    pulumi.String(p.LDAP.GroupsDN),
		GroupNameLdapAttribute:          pulumi.String("cn"),
		GroupObjectClasses:              pulumi.ToStringArray([]string{p.LDAP.GroupClass}),
		GroupsLdapFilter:                pulumi.String(named(p.Groups)),
		MembershipLdapAttribute:         pulumi.String("member"),
		MembershipAttributeType:         pulumi.String("DN"),
		MembershipUserLdapAttribute:     pulumi.String(p.LDAP.UsernameAttribute),
		UserRolesRetrieveStrategy:       pulumi.String("LOAD_GROUPS_BY_MEMBER_ATTRIBUTE"),
		PreserveGroupInheritance:        pulumi.Bool(false),
		DropNonExistingGroupsDuringSync: pulumi.Bool(false),
		Mode:                            pulumi.String("READ_ONLY"),
	}, b.args.Realm.Options(b.component, pulumi.DeletedWith(made))...)
	return err
}
