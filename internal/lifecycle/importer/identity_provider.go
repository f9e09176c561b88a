package importer

import (
	"context"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// The Pulumi types of identity providers and directories.
const (
	typeProvider       = "keycloak:oidc/identityProvider:IdentityProvider"
	typeProviderMapper = "keycloak:index/customIdentityProviderMapping:CustomIdentityProviderMapping"
	typeFlow           = "keycloak:authentication/flow:Flow"
	typeDirectory      = "keycloak:ldap/userFederation:UserFederation"
	typeDirectoryGroup = "keycloak:ldap/groupMapper:GroupMapper"
	typeExecution      = "keycloak:authentication/execution:Execution"
)

// brokered is find for identity providers and their login flow.
func (a *importPlan) brokered(ctx context.Context, c stack.Creation) (string, error) {
	text := func(name string) string { value, _ := c.Inputs[name].(string); return value }
	switch c.Type {
	case typeProvider:
		_, err := a.api.GetIdentityProvider(ctx, a.api.Token, a.realm, text("alias"))
		return a.path(text("alias"), err)
	case typeProviderMapper:
		alias := text("identityProviderAlias")
		all, err := a.api.GetIdentityProviderMappers(ctx, a.api.Token, a.realm, alias)
		id := idOf(all, func(m *gocloak.IdentityProviderMapper) bool { return gocloak.PString(m.Name) == text("name") },
			func(m *gocloak.IdentityProviderMapper) *string { return m.ID })
		return a.path(under(alias, id), err)
	case typeDirectory:
		id, err := a.component(ctx, "", directoryType, text("name"))
		return a.path(id, err)
	case typeDirectoryGroup:
		// Its directory may be found in the same run, so a preview does not have its ID.
		alias := strings.TrimSuffix(strings.TrimPrefix(c.Name, "broker-"), "-groups")
		directory, err := a.component(ctx, "", directoryType, alias)
		if err != nil || directory == "" {
			return a.path("", err)
		}
		id, err := a.component(ctx, directory, directoryMapperType, text("name"))
		return a.path(under(directory, id), err)
	case typeFlow:
		all, err := a.api.GetAuthenticationFlows(ctx, a.api.Token, a.realm)
		return a.path(idOf(all, func(f *gocloak.AuthenticationFlowRepresentation) bool {
			return gocloak.PString(f.Alias) == text("alias")
		},
			func(f *gocloak.AuthenticationFlowRepresentation) *string { return f.ID }), err)
	case typeExecution:
		flow := text("parentFlowAlias")
		all, err := a.api.GetAuthenticationExecutions(ctx, a.api.Token, a.realm, flow)
		id := idOf(all, func(e *gocloak.ModifyAuthenticationExecutionRepresentation) bool {
			return gocloak.PString(e.ProviderID) == text("authenticator")
		}, func(e *gocloak.ModifyAuthenticationExecutionRepresentation) *string { return e.ID })
		return a.path(under(flow, id), err)
	}
	return "", nil
}

// Keycloak's types of a directory, and of its mapper.
const (
	directoryType       = "org.keycloak.storage.UserStorageProvider"
	directoryMapperType = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
)

// component returns the ID of a component by its name, below a parent or anywhere.
func (a *importPlan) component(ctx context.Context, parent, kind, name string) (string, error) {
	all, err := a.api.GetComponents(ctx, a.api.Token, a.realm)
	if err != nil {
		return "", err
	}
	return idOf(all, func(c *gocloak.Component) bool {
		return gocloak.PString(c.ProviderType) == kind && gocloak.PString(c.Name) == name && (parent == "" || gocloak.PString(c.ParentID) == parent)
	}, func(c *gocloak.Component) *string { return c.ID }), nil
}

// under returns an ID below its parent's; empty if there is none.
func under(parent, id string) string {
	if id == "" {
		return ""
	}
	return parent + "/" + id
}
