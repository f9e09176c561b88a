package leftovers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
)

// answerWithin is the timeout of one call of Keycloak's admin API. Deleting a realm on a cold server
// takes seconds.
const answerWithin = time.Minute

// Keycloak is the connection, and the account that creates objects.
type Keycloak struct {
	URL, ClientID string
	Secret        pulumi.StringInput
}

// InKeycloak removes a leftover object before an object with the same name is created in Keycloak.
// One hook serves all objects of a realm.
func InKeycloak(ctx *pulumi.Context, name string, at Keycloak) (pulumi.ResourceOption, error) {
	binding := &pulumi.ResourceHookBinding{}
	if _, ok := ctx.Value(hostKey{}).(Host); !ok {
		return pulumi.ResourceHooks(binding), nil
	}
	secret := make(chan string, 1)
	pulumi.ToOutput(at.Secret).ApplyT(func(value any) any { secret <- value.(string); return nil })
	hook, err := ctx.RegisterResourceHook("leftover-keycloak-"+name, func(args *pulumi.ResourceHookArgs) error {
		value := <-secret // known: the provider that creates the object has it
		secret <- value
		removed, err := Object(ctx.Context(), at.URL, at.ClientID, value, string(args.Type), args.NewInputs)
		if removed != "" {
			_ = ctx.Log.Warn(fmt.Sprintf("removed %s from Keycloak, which an interrupted update left behind", removed), nil) // Pulumi has ended
		}
		return err
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("hook of realm %s: %w", name, err)
	}
	binding.BeforeCreate = []*pulumi.ResourceHook{hook}
	return pulumi.ResourceHooks(binding), nil
}

// objects are the kinds of objects whose names are unique in Keycloak, and how to remove one. Each
// function returns what it removed; empty if nothing existed.
var objects = map[string]func(*session, context.Context, texts) (string, error){
	"keycloak:index/realm:Realm":              (*session).removeRealm,
	"keycloak:index/group:Group":              (*session).removeGroup,
	"keycloak:index/user:User":                (*session).removeUser,
	"keycloak:openid/client:Client":           (*session).removeClient,
	"keycloak:openid/clientScope:ClientScope": (*session).removeScope,
	"keycloak:openid/groupMembershipProtocolMapper:GroupMembershipProtocolMapper": (*session).removeMapper,
	"keycloak:openid/audienceProtocolMapper:AudienceProtocolMapper":               (*session).removeMapper,
}

// Object removes an object in Keycloak with the name that a resource is about to get. It returns an
// error for an object that is in use.
func Object(ctx context.Context, url, clientID, secret, kind string, inputs resource.PropertyMap) (string, error) {
	remove, ok := objects[kind]
	if !ok {
		return "", nil // setting it twice is harmless
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	api := gocloak.NewClient(url)
	login, err := api.LoginClient(ctx, clientID, secret, "master")
	if err != nil {
		return "", nil // the provider's error is more helpful
	}
	s := &session{api, login.AccessToken}
	removed, err := remove(s, ctx, texts(inputs))
	if isNotFound(err) {
		return "", nil
	}
	return removed, err
}

// texts returns a resource's text inputs, including secret ones.
type texts resource.PropertyMap

func (t texts) of(name resource.PropertyKey) string {
	value := t[name]
	for value.IsSecret() || value.IsOutput() {
		if value.IsSecret() {
			value = value.SecretValue().Element
		} else {
			value = value.OutputValue().Element
		}
	}
	if !value.IsString() {
		return ""
	}
	return value.StringValue()
}

func (t texts) has(name resource.PropertyKey) bool { _, ok := t[name]; return ok }

type session struct {
	api   *gocloak.GoCloak
	token string
}

// inUse is the error for an object that is not a leftover.
func inUse(what, why string) error {
	return fmt.Errorf("%s exists in Keycloak and is not in this state, and %s: nothing was changed. If it is of this deployment, `mlflow-sso up` imports it; "+
		"otherwise rename or remove it", what, why)
}

// removeRealm removes an empty realm: an update continues only after it has recorded the realm.
func (s *session) removeRealm(ctx context.Context, inputs texts) (string, error) {
	realm := inputs.of("realm")
	what := "realm " + realm
	if _, err := s.api.GetRealm(ctx, s.token, realm); err != nil {
		return "", err
	}
	users, err := s.api.GetUserCount(ctx, s.token, realm, gocloak.GetUsersParams{})
	if err != nil {
		return "", err
	}
	groups, err := s.api.GetGroups(ctx, s.token, realm, gocloak.GetGroupsParams{})
	if err != nil {
		return "", err
	}
	clients, err := s.api.GetClients(ctx, s.token, realm, gocloak.GetClientsParams{})
	if err != nil {
		return "", err
	}
	builtin := identity.BuiltinClients()
	more := slices.ContainsFunc(clients, func(c *gocloak.Client) bool { return !slices.Contains(builtin, gocloak.PString(c.ClientID)) })
	if users > 0 || len(groups) > 0 || more {
		return "", inUse(what, fmt.Sprintf("has %d users, %d groups and %d clients", users, len(groups), len(clients)))
	}
	return what, s.api.DeleteRealm(ctx, s.token, realm)
}

func (s *session) removeGroup(ctx context.Context, inputs texts) (string, error) {
	realm, name := inputs.of("realmId"), inputs.of("name")
	groups, err := s.api.GetGroups(ctx, s.token, realm, gocloak.GetGroupsParams{Search: &name, Exact: gocloak.BoolP(true)})
	if err != nil {
		return "", err
	}
	for _, g := range groups {
		if gocloak.PString(g.Name) != name {
			continue
		}
		members, err := s.api.GetGroupMembers(ctx, s.token, realm, *g.ID, gocloak.GetGroupsParams{Max: gocloak.IntP(1)})
		if err != nil {
			return "", err
		}
		if len(members) > 0 {
			return "", inUse("group "+name, "has members")
		}
		return "group " + name, s.api.DeleteGroup(ctx, s.token, realm, *g.ID)
	}
	return "", nil
}

// removeUser removes a user with a derived password, or without a password.
func (s *session) removeUser(ctx context.Context, inputs texts) (string, error) {
	realm, name := inputs.of("realmId"), inputs.of("username")
	users, err := s.api.GetUsers(ctx, s.token, realm, gocloak.GetUsersParams{Username: &name, Exact: gocloak.BoolP(true)})
	if err != nil || len(users) == 0 {
		return "", err
	}
	if !inputs.has("initialPassword") {
		ways, err := s.api.GetCredentials(ctx, s.token, realm, *users[0].ID)
		if err != nil {
			return "", err
		}
		links, err := s.api.GetUserFederatedIdentities(ctx, s.token, realm, *users[0].ID)
		if err != nil {
			return "", err
		}
		if len(ways)+len(links) > 0 {
			return "", inUse("user "+name, "can log in")
		}
	}
	return "user " + name, s.api.DeleteUser(ctx, s.token, realm, *users[0].ID)
}

// removeClient removes a client only if it has the secret of the one to be created.
func (s *session) removeClient(ctx context.Context, inputs texts) (string, error) {
	realm, name := inputs.of("realmId"), inputs.of("clientId")
	clients, err := s.api.GetClients(ctx, s.token, realm, gocloak.GetClientsParams{ClientID: &name})
	if err != nil || len(clients) == 0 {
		return "", err
	}
	if want := inputs.of("clientSecret"); want == "" || gocloak.PString(clients[0].Secret) != want {
		return "", inUse("client "+name, "its secret is not this deployment's")
	}
	return "client " + name, s.api.DeleteClient(ctx, s.token, realm, *clients[0].ID)
}

func (s *session) removeScope(ctx context.Context, inputs texts) (string, error) {
	realm, name := inputs.of("realmId"), inputs.of("name")
	scopes, err := s.api.GetClientScopes(ctx, s.token, realm)
	if err != nil {
		return "", err
	}
	for _, scope := range scopes {
		if gocloak.PString(scope.Name) == name {
			return "client scope " + name, s.api.DeleteClientScope(ctx, s.token, realm, *scope.ID)
		}
	}
	return "", nil
}

// removeMapper removes a mapper of a client or of a client scope. Mappers contain no data.
func (s *session) removeMapper(ctx context.Context, inputs texts) (string, error) {
	realm, name := inputs.of("realmId"), inputs.of("name")
	if id := inputs.of("clientId"); id != "" {
		client, err := s.api.GetClient(ctx, s.token, realm, id)
		if err != nil || client.ProtocolMappers == nil {
			return "", err
		}
		for _, m := range *client.ProtocolMappers {
			if gocloak.PString(m.Name) == name {
				return "mapper " + name, s.api.DeleteClientProtocolMapper(ctx, s.token, realm, id, *m.ID)
			}
		}
		return "", nil
	}
	id := inputs.of("clientScopeId")
	mappers, err := s.api.GetClientScopeProtocolMappers(ctx, s.token, realm, id)
	if err != nil {
		return "", err
	}
	for _, m := range mappers {
		if gocloak.PString(m.Name) == name {
			return "mapper " + name, s.api.DeleteClientScopeProtocolMapper(ctx, s.token, realm, id, *m.ID)
		}
	}
	return "", nil
}

func isNotFound(err error) bool {
	failed, ok := err.(*gocloak.APIError) //nolint:errorlint // gocloak does not wrap it
	return ok && failed.Code == http.StatusNotFound
}
