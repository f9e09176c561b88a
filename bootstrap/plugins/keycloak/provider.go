package main

import (
	"github.com/keycloak/terraform-provider-keycloak/provider"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

const (
	name = "keycloak"
	// version is the version of the Go SDK whose programs this plugin serves.
	version = "6.12.0"
)

// types gives each resource of the Terraform provider the SDK's module and type.
var types = map[string]struct{ module, member string }{
	"keycloak_realm":                         {"index", "Realm"},
	"keycloak_realm_events":                  {"index", "RealmEvents"},
	"keycloak_realm_user_profile":            {"index", "RealmUserProfile"},
	"keycloak_realm_keystore_rsa_generated":  {"index", "RealmKeystoreRsaGenerated"},
	"keycloak_realm_keystore_hmac_generated": {"index", "RealmKeystoreHmacGenerated"},
	"keycloak_realm_keystore_aes_generated":  {"index", "RealmKeystoreAesGenerated"},
	"keycloak_required_action":               {"index", "RequiredAction"},
	"keycloak_group":                         {"index", "Group"},
	"keycloak_group_memberships":             {"index", "GroupMemberships"},
	"keycloak_group_roles":                   {"index", "GroupRoles"},
	"keycloak_default_groups":                {"index", "DefaultGroups"},
	"keycloak_default_roles":                 {"index", "DefaultRoles"},
	"keycloak_role":                          {"index", "Role"},
	"keycloak_generic_role_mapper":           {"index", "GenericRoleMapper"},
	"keycloak_user":                          {"index", "User"},
	"keycloak_user_groups":                   {"index", "UserGroups"},
	"keycloak_user_roles":                    {"index", "UserRoles"},

	"keycloak_authentication_bindings":         {"authentication", "Bindings"},
	"keycloak_authentication_flow":             {"authentication", "Flow"},
	"keycloak_authentication_subflow":          {"authentication", "Subflow"},
	"keycloak_authentication_execution":        {"authentication", "Execution"},
	"keycloak_authentication_execution_config": {"authentication", "ExecutionConfig"},

	"keycloak_custom_identity_provider_mapper": {"index", "CustomIdentityProviderMapping"},
	"keycloak_oidc_identity_provider":          {"oidc", "IdentityProvider"},
	"keycloak_saml_identity_provider":          {"saml", "IdentityProvider"},

	"keycloak_ldap_user_federation": {"ldap", "UserFederation"},
	"keycloak_ldap_group_mapper":    {"ldap", "GroupMapper"},

	"keycloak_openid_client":                            {"openid", "Client"},
	"keycloak_openid_client_scope":                      {"openid", "ClientScope"},
	"keycloak_openid_client_default_scopes":             {"openid", "ClientDefaultScopes"},
	"keycloak_openid_client_optional_scopes":            {"openid", "ClientOptionalScopes"},
	"keycloak_openid_client_service_account_realm_role": {"openid", "ClientServiceAccountRealmRole"},
	"keycloak_openid_client_service_account_role":       {"openid", "ClientServiceAccountRole"},
	"keycloak_openid_audience_protocol_mapper":          {"openid", "AudienceProtocolMapper"},
	"keycloak_openid_audience_resolve_protocol_mapper":  {"openid", "AudienceResolveProtocolMapper"},
	"keycloak_openid_full_name_protocol_mapper":         {"openid", "FullNameProtocolMapper"},
	"keycloak_openid_group_membership_protocol_mapper":  {"openid", "GroupMembershipProtocolMapper"},
	"keycloak_openid_hardcoded_claim_protocol_mapper":   {"openid", "HardcodedClaimProtocolMapper"},
	"keycloak_openid_hardcoded_role_protocol_mapper":    {"openid", "HardcodedRoleProtocolMapper"},
	"keycloak_openid_user_attribute_protocol_mapper":    {"openid", "UserAttributeProtocolMapper"},
	"keycloak_openid_user_client_role_protocol_mapper":  {"openid", "UserClientRoleProtocolMapper"},
	"keycloak_openid_user_property_protocol_mapper":     {"openid", "UserPropertyProtocolMapper"},
	"keycloak_openid_user_realm_role_protocol_mapper":   {"openid", "UserRealmRoleProtocolMapper"},
	"keycloak_openid_user_session_note_protocol_mapper": {"openid", "UserSessionNoteProtocolMapper"},
}

// Provider maps the Terraform provider to the names in the SDK of the same version. Names that it
// omits follow the bridge's rules, as in the SDK.
func Provider() tfbridge.ProviderInfo {
	p := shimv2.NewProvider(provider.KeycloakProvider(nil))
	info := tfbridge.ProviderInfo{
		P:            p,
		Name:         name,
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Config: map[string]*tfbridge.SchemaInfo{
			"client_timeout": {Default: &tfbridge.DefaultInfo{Value: 5, EnvVars: []string{"KEYCLOAK_CLIENT_TIMEOUT"}}},
		},
		Resources: map[string]*tfbridge.ResourceInfo{},
	}
	for terraform, to := range types {
		info.Resources[terraform] = &tfbridge.ResourceInfo{Tok: tokens.Type(tfbridge.MakeResource(name, to.module, to.member))}
	}
	// As in the SDK, a resource without a name gets its name in the program.
	for terraform, name := range map[string]struct{ field, property string }{
		"keycloak_realm":                           {"realm", "realm"},
		"keycloak_openid_client":                   {"client_id", "clientId"},
		"keycloak_authentication_flow":             {"alias", "alias"},
		"keycloak_authentication_subflow":          {"alias", "alias"},
		"keycloak_authentication_execution_config": {"alias", "alias"},
	} {
		info.Resources[terraform].Fields = map[string]*tfbridge.SchemaInfo{
			name.field: tfbridge.AutoName(name.property, 255, "-"),
		}
	}
	p.ResourcesMap().Range(func(terraform string, _ shim.Resource) bool {
		if info.Resources[terraform] == nil {
			info.IgnoreMappings = append(info.IgnoreMappings, terraform)
		}
		return true
	})
	info.SetAutonaming(255, "-")
	return info
}
