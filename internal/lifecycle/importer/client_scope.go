package importer

import (
	"context"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// scope returns a client scope of the realm; nil if it does not exist.
func (a *importPlan) scope(ctx context.Context, name string) (*gocloak.ClientScope, error) {
	scopes, err := a.api.GetClientScopes(ctx, a.api.Token, a.realm)
	if err != nil {
		return nil, err
	}
	for _, scope := range scopes {
		if gocloak.PString(scope.Name) == name {
			return scope, nil
		}
	}
	return nil, nil
}

// scopeMapper searches the mappers of the one scope that the program creates.
func (a *importPlan) scopeMapper(ctx context.Context, name string) (string, error) {
	scope, err := a.scope(ctx, realm.ServiceAccountScope)
	if err != nil || scope == nil || scope.ProtocolMappers == nil {
		return a.path("", err)
	}
	for _, m := range *scope.ProtocolMappers {
		if gocloak.PString(m.Name) == name {
			return a.path("client-scope/"+*scope.ID+"/"+gocloak.PString(m.ID), nil)
		}
	}
	return "", nil
}
