package stack

import (
	"context"

	"github.com/Nerzal/gocloak/v13"
)

// The types of what lets people in who are known elsewhere.
const (
	typeProvider       = "keycloak:oidc/identityProvider:IdentityProvider"
	typeProviderMapper = "keycloak:index/customIdentityProviderMapping:CustomIdentityProviderMapping"
	typeFlow           = "keycloak:authentication/flow:Flow"
	typeExecution      = "keycloak:authentication/execution:Execution"
)

// brokered is find for identity providers and their login flow.
func (a *adoption) brokered(ctx context.Context, c created) (string, error) {
	text := func(name string) string { value, _ := c.inputs[name].(string); return value }
	switch c.kind {
	case typeProvider:
		_, err := a.api.GetIdentityProvider(ctx, a.token, a.realm, text("alias"))
		return a.path(text("alias"), err)
	case typeProviderMapper:
		alias := text("identityProviderAlias")
		all, err := a.api.GetIdentityProviderMappers(ctx, a.token, a.realm, alias)
		id := idOf(all, func(m *gocloak.IdentityProviderMapper) bool { return gocloak.PString(m.Name) == text("name") },
			func(m *gocloak.IdentityProviderMapper) *string { return m.ID })
		return a.path(under(alias, id), err)
	case typeFlow:
		all, err := a.api.GetAuthenticationFlows(ctx, a.token, a.realm)
		return a.path(idOf(all, func(f *gocloak.AuthenticationFlowRepresentation) bool {
			return gocloak.PString(f.Alias) == text("alias")
		},
			func(f *gocloak.AuthenticationFlowRepresentation) *string { return f.ID }), err)
	case typeExecution:
		flow := text("parentFlowAlias")
		all, err := a.api.GetAuthenticationExecutions(ctx, a.token, a.realm, flow)
		id := idOf(all, func(e *gocloak.ModifyAuthenticationExecutionRepresentation) bool {
			return gocloak.PString(e.ProviderID) == text("authenticator")
		}, func(e *gocloak.ModifyAuthenticationExecutionRepresentation) *string { return e.ID })
		return a.path(under(flow, id), err)
	}
	return "", nil
}

// under is an ID below what it belongs to; empty where there is none.
func under(parent, id string) string {
	if id == "" {
		return ""
	}
	return parent + "/" + id
}
