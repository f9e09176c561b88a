package main

import (
	"testing"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/authentication"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/ldap"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/oidc"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/openid"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/saml"

	"github.com/mlflow-sso/mlflow-sso/bootstrap/plugins/sdkmatch"
)

// sdk are the SDK's arguments for each resource, by token.
var sdk = map[string]sdkmatch.Arguments{
	sdkmatch.ProviderToken:                                                        keycloak.ProviderArgs{},
	"keycloak:index/realm:Realm":                                                  keycloak.RealmArgs{},
	"keycloak:index/realmEvents:RealmEvents":                                      keycloak.RealmEventsArgs{},
	"keycloak:index/realmUserProfile:RealmUserProfile":                            keycloak.RealmUserProfileArgs{},
	"keycloak:index/realmKeystoreRsaGenerated:RealmKeystoreRsaGenerated":          keycloak.RealmKeystoreRsaGeneratedArgs{},
	"keycloak:index/realmKeystoreHmacGenerated:RealmKeystoreHmacGenerated":        keycloak.RealmKeystoreHmacGeneratedArgs{},
	"keycloak:index/realmKeystoreAesGenerated:RealmKeystoreAesGenerated":          keycloak.RealmKeystoreAesGeneratedArgs{},
	"keycloak:index/requiredAction:RequiredAction":                                keycloak.RequiredActionArgs{},
	"keycloak:index/group:Group":                                                  keycloak.GroupArgs{},
	"keycloak:index/groupMemberships:GroupMemberships":                            keycloak.GroupMembershipsArgs{},
	"keycloak:index/groupRoles:GroupRoles":                                        keycloak.GroupRolesArgs{},
	"keycloak:index/defaultGroups:DefaultGroups":                                  keycloak.DefaultGroupsArgs{},
	"keycloak:index/defaultRoles:DefaultRoles":                                    keycloak.DefaultRolesArgs{},
	"keycloak:index/role:Role":                                                    keycloak.RoleArgs{},
	"keycloak:index/genericRoleMapper:GenericRoleMapper":                          keycloak.GenericRoleMapperArgs{},
	"keycloak:index/user:User":                                                    keycloak.UserArgs{},
	"keycloak:index/userGroups:UserGroups":                                        keycloak.UserGroupsArgs{},
	"keycloak:index/userRoles:UserRoles":                                          keycloak.UserRolesArgs{},
	"keycloak:authentication/bindings:Bindings":                                   authentication.BindingsArgs{},
	"keycloak:authentication/flow:Flow":                                           authentication.FlowArgs{},
	"keycloak:authentication/subflow:Subflow":                                     authentication.SubflowArgs{},
	"keycloak:authentication/execution:Execution":                                 authentication.ExecutionArgs{},
	"keycloak:authentication/executionConfig:ExecutionConfig":                     authentication.ExecutionConfigArgs{},
	"keycloak:index/customIdentityProviderMapping:CustomIdentityProviderMapping":  keycloak.CustomIdentityProviderMappingArgs{},
	"keycloak:oidc/identityProvider:IdentityProvider":                             oidc.IdentityProviderArgs{},
	"keycloak:saml/identityProvider:IdentityProvider":                             saml.IdentityProviderArgs{},
	"keycloak:ldap/userFederation:UserFederation":                                 ldap.UserFederationArgs{},
	"keycloak:ldap/groupMapper:GroupMapper":                                       ldap.GroupMapperArgs{},
	"keycloak:openid/client:Client":                                               openid.ClientArgs{},
	"keycloak:openid/clientScope:ClientScope":                                     openid.ClientScopeArgs{},
	"keycloak:openid/clientDefaultScopes:ClientDefaultScopes":                     openid.ClientDefaultScopesArgs{},
	"keycloak:openid/clientOptionalScopes:ClientOptionalScopes":                   openid.ClientOptionalScopesArgs{},
	"keycloak:openid/clientServiceAccountRealmRole:ClientServiceAccountRealmRole": openid.ClientServiceAccountRealmRoleArgs{},
	"keycloak:openid/clientServiceAccountRole:ClientServiceAccountRole":           openid.ClientServiceAccountRoleArgs{},
	"keycloak:openid/audienceProtocolMapper:AudienceProtocolMapper":               openid.AudienceProtocolMapperArgs{},
	"keycloak:openid/audienceResolveProtocolMapper:AudienceResolveProtocolMapper": openid.AudienceResolveProtocolMapperArgs{},
	"keycloak:openid/fullNameProtocolMapper:FullNameProtocolMapper":               openid.FullNameProtocolMapperArgs{},
	"keycloak:openid/groupMembershipProtocolMapper:GroupMembershipProtocolMapper": openid.GroupMembershipProtocolMapperArgs{},
	"keycloak:openid/hardcodedClaimProtocolMapper:HardcodedClaimProtocolMapper":   openid.HardcodedClaimProtocolMapperArgs{},
	"keycloak:openid/hardcodedRoleProtocolMapper:HardcodedRoleProtocolMapper":     openid.HardcodedRoleProtocolMapperArgs{},
	"keycloak:openid/userAttributeProtocolMapper:UserAttributeProtocolMapper":     openid.UserAttributeProtocolMapperArgs{},
	"keycloak:openid/userClientRoleProtocolMapper:UserClientRoleProtocolMapper":   openid.UserClientRoleProtocolMapperArgs{},
	"keycloak:openid/userPropertyProtocolMapper:UserPropertyProtocolMapper":       openid.UserPropertyProtocolMapperArgs{},
	"keycloak:openid/userRealmRoleProtocolMapper:UserRealmRoleProtocolMapper":     openid.UserRealmRoleProtocolMapperArgs{},
	"keycloak:openid/userSessionNoteProtocolMapper:UserSessionNoteProtocolMapper": openid.UserSessionNoteProtocolMapperArgs{},
}

func TestEveryPropertyHasTheNameThatTheSDKGivesIt(t *testing.T) {
	sdkmatch.Require(t, Provider(), sdk)
}
