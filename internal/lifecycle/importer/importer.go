// Package importer imports objects that exist inside Keycloak, but not in Pulumi's state:
// the database outlives its container, and an update can be killed between a change and
// its record.
package importer

import (
	"context"
	"fmt"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// importPlan finds what stands inside Keycloak and is not in the state: its
// database outlives its container, and an update can be killed between a change
// and its record. Making it again would fail, recreating it would lose people.
type importPlan struct {
	api *admin.Client
	// realm is the name of the stack's realm, clientID the ID of MLflow's client.
	realm, clientID string
}

// Import takes what is there into the state. The next update fixes what differs.
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

// find is the ID under which the provider knows what a resource would make;
// empty when it is not there, or when making it twice does no harm.
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

// user is nobody where an update was killed between making a person and giving a
// password: the provider gives one only to whom it makes, so it has to do that again.
// Who is to set a password by themselves is a user without one, too.
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

// mapper looks among those of MLflow's client.
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

// path puts the realm in front of an ID, as the provider does.
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

// found takes "there is none" for an answer.
func found(id string, err error) (string, error) {
	if admin.IsNotFound(err) {
		return "", nil
	}
	return id, err
}
