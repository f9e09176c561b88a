// Package importer imports objects that exist inside Keycloak, but not in Pulumi's state: the
// database outlives its container, and an update can be killed between a change and its record.
package importer

import (
	"context"
	"fmt"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// importPlan finds objects inside Keycloak that are not in the state. Creating them again would
// fail, and replacing them would delete users.
type importPlan struct {
	api *admin.Client
	// realm is the name of the stack's realm, clientID the ID of MLflow's client.
	realm, clientID string
}

// Import imports existing objects into the state. The next update corrects differences.
func Import(ctx context.Context, s *stack.Stack, step stack.Step) error {
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	creations, err := s.Creations(ctx, step)
	if err != nil {
		return err
	}
	a := &importPlan{realm: deployed.Realm.Name, clientID: deployed.Realm.ClientID}
	if a.api, err = admin.Open(ctx, deployed.Keycloak, time.Minute); err != nil {
		return stack.Hinted("find existing objects in Keycloak", err, nil)
	}
	var resources []stack.Existing
	for _, c := range creations {
		id, err := a.find(ctx, c)
		if err != nil {
			return fmt.Errorf("find %s in Keycloak: %w", c.Name, err)
		}
		if id == "" {
			continue
		}
		resources = append(resources, stack.Existing{Creation: c, ID: id})
	}
	if len(resources) == 0 {
		return nil
	}
	step.Say("importing %d objects that already exist in Keycloak", len(resources))
	return s.Import(ctx, step, "import what is in Keycloak", resources)
}

// find returns the provider's ID of an existing object for a resource; empty if it does not
// exist, or if creating it twice is harmless.
func (a *importPlan) find(ctx context.Context, c stack.Creation) (string, error) {
	text := func(name string) string { value, _ := c.Inputs[name].(string); return value }
	switch c.Type {
	case stack.TypeRealm:
		_, err := a.api.GetRealm(ctx, a.api.Token, text("realm"))
		return found(text("realm"), err)
	case "keycloak:openid/client:Client":
		clients, err := a.api.GetClients(ctx, a.api.Token, a.realm, gocloak.GetClientsParams{ClientID: gocloak.StringP(text("clientId"))})
		return a.path(idOf(clients, func(*gocloak.Client) bool { return true }, func(c *gocloak.Client) *string { return c.ID }), err)
	case "keycloak:index/group:Group":
		groups, err := a.api.GetGroups(ctx, a.api.Token, a.realm, gocloak.GetGroupsParams{Search: gocloak.StringP(text("name")), Exact: gocloak.BoolP(true)})
		return a.path(idOf(groups, func(g *gocloak.Group) bool { return *g.Name == text("name") }, func(g *gocloak.Group) *string { return g.ID }), err)
	case stack.TypeUser:
		_, gives := c.Inputs["initialPassword"]
		return a.user(ctx, text("username"), gives)
	case "keycloak:openid/groupMembershipProtocolMapper:GroupMembershipProtocolMapper",
		"keycloak:openid/audienceProtocolMapper:AudienceProtocolMapper":
		if _, ofScope := c.Inputs["clientScopeId"]; ofScope {
			return a.scopeMapper(ctx, text("name"))
		}
		return a.mapper(ctx, text("name"))
	case "keycloak:openid/clientScope:ClientScope":
		scope, err := a.scope(ctx, text("name"))
		if err != nil || scope == nil {
			return a.path("", err)
		}
		return a.path(gocloak.PString(scope.ID), nil)
	default:
		return a.brokered(ctx, c)
	}
}

// user ignores a user without a password, whom an update created before it was killed: the
// provider sets passwords only for users that it creates, so it must create this one again. Users
// who set their own password have none either.
func (a *importPlan) user(ctx context.Context, name string, givesPassword bool) (string, error) {
	users, err := a.api.GetUsers(ctx, a.api.Token, a.realm, gocloak.GetUsersParams{Username: gocloak.StringP(name), Exact: gocloak.BoolP(true)})
	id := idOf(users, func(*gocloak.User) bool { return true }, func(u *gocloak.User) *string { return u.ID })
	if err != nil || id == "" {
		return a.path("", err)
	}
	if !givesPassword {
		return a.path(id, nil)
	}
	ways, err := a.api.GetCredentials(ctx, a.api.Token, a.realm, id)
	if err != nil || len(ways) > 0 {
		return a.path(id, err)
	}
	return "", a.api.DeleteUser(ctx, a.api.Token, a.realm, id)
}

// mapper searches the mappers of MLflow's client.
func (a *importPlan) mapper(ctx context.Context, name string) (string, error) {
	clients, err := a.api.GetClients(ctx, a.api.Token, a.realm, gocloak.GetClientsParams{ClientID: gocloak.StringP(a.clientID)})
	if err != nil || len(clients) != 1 {
		return a.path("", err)
	}
	if clients[0].ProtocolMappers == nil {
		return "", nil
	}
	for _, m := range *clients[0].ProtocolMappers {
		if m.Name != nil && *m.Name == name {
			return a.path("client/"+*clients[0].ID+"/"+*m.ID, nil)
		}
	}
	return "", nil
}

// path prefixes an ID with the realm, as the provider does.
func (a *importPlan) path(id string, err error) (string, error) {
	if id != "" {
		id = a.realm + "/" + id
	}
	return found(id, err)
}

func idOf[T any](all []*T, is func(*T) bool, id func(*T) *string) string {
	for _, one := range all {
		if is(one) {
			return *id(one)
		}
	}
	return ""
}

// found treats "not found" as a result.
func found(id string, err error) (string, error) {
	if admin.IsNotFound(err) {
		return "", nil
	}
	return id, err
}
