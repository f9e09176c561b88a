//go:build bench

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// object is a Keycloak object in the admin API's format.
type object = map[string]any

// admin calls Keycloak's admin API as the program's own service account.
type admin struct {
	client http.Client
	base   string
	token  string
}

func openAdmin(ctx context.Context, deployed outputs.Stack) (*admin, error) {
	a := &admin{client: http.Client{Timeout: time.Minute}, base: deployed.Keycloak.AdminURL}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {deployed.Keycloak.Provider.ID}, "client_secret": {deployed.Keycloak.Provider.Secret}}
	var answer struct {
		Token string `json:"access_token"`
	}
	err := a.do(ctx, http.MethodPost, "/realms/master/protocol/openid-connect/token", "application/x-www-form-urlencoded", []byte(form.Encode()), &answer)
	a.token = answer.Token
	return a, err
}

func (a *admin) get(ctx context.Context, path string, into any) error {
	return a.do(ctx, http.MethodGet, "/admin/realms"+path, "", nil, into)
}

// do sends a request and reads the response if into is not nil. Errors never repeat what was
// sent.
func (a *admin) do(ctx context.Context, method, path, kind string, body []byte, into any) (err error) {
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: got %s: %.300s", method, path, answer.Status, said)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(said, into)
}

// importRealm creates the realm with everything in it, in one request.
func importRealm(ctx context.Context, from *blueprint) error {
	a, err := openAdmin(ctx, from.deployed)
	if err != nil {
		return fmt.Errorf("import of the realm: %w", err)
	}
	return a.do(ctx, http.MethodPost, "/admin/realms", "application/json", from.realm, nil)
}

// takeRealm exports what the program has created in Keycloak, in the format of an import: the
// realm's settings, the user profile, MLflow's client with its secret and mappers, the groups,
// and the demo users with their passwords. What Keycloak creates in every realm it also creates
// at the import.
func takeRealm(ctx context.Context, deployed outputs.Stack) ([]byte, error) {
	a, err := openAdmin(ctx, deployed)
	if err != nil {
		return nil, fmt.Errorf("copy of the realm: %w", err)
	}
	at := "/" + url.PathEscape(deployed.Realm.Name)
	var realm, profile object
	var groups []object
	err = errors.Join(a.get(ctx, at, &realm), a.get(ctx, at+"/users/profile", &profile), a.get(ctx, at+"/groups", &groups))
	if err != nil {
		return nil, fmt.Errorf("copy of the realm: %w", err)
	}
	client, err := a.takeClient(ctx, at, deployed.Realm.ClientID)
	if err != nil {
		return nil, fmt.Errorf("copy of the client: %w", err)
	}
	users, err := a.takeUsers(ctx, at, deployed.DemoUsers)
	if err != nil {
		return nil, fmt.Errorf("copy of the users: %w", err)
	}
	encoded, err := json.Marshal(profile)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		forget(g, "id", "path", "subGroups", "subGroupCount", "access")
	}
	forget(realm, "id", "defaultRole")
	realm["clients"], realm["groups"], realm["users"] = []object{client}, groups, users
	realm["components"] = object{"org.keycloak.userprofile.UserProfileProvider": []object{{
		"providerId": "declarative-user-profile", "config": object{"kc.user.profile.config": []string{string(encoded)}},
	}}}
	return json.Marshal(realm)
}

func (a *admin) takeClient(ctx context.Context, realm, clientID string) (object, error) {
	var clients []object
	if err := a.get(ctx, realm+"/clients?clientId="+url.QueryEscape(clientID), &clients); err != nil {
		return nil, err
	}
	if len(clients) != 1 {
		return nil, fmt.Errorf("got %d clients %s, want 1", len(clients), clientID)
	}
	client := clients[0]
	var secret struct {
		Value string `json:"value"`
	}
	if err := a.get(ctx, fmt.Sprintf("%s/clients/%s/client-secret", realm, client["id"]), &secret); err != nil {
		return nil, err
	}
	client["secret"] = secret.Value
	mappers, _ := client["protocolMappers"].([]any)
	if secret.Value == "" || len(mappers) == 0 {
		return nil, fmt.Errorf("got no secret or no mapper of client %s, want both", clientID)
	}
	for _, mapper := range mappers {
		forget(mapper.(object), "id")
	}
	forget(client, "id", "access", "defaultClientScopes", "optionalClientScopes")
	return client, nil
}

func (a *admin) takeUsers(ctx context.Context, realm string, deployed []outputs.User) ([]object, error) {
	var users []object
	for _, user := range deployed {
		var found []object
		if err := a.get(ctx, realm+"/users?exact=true&username="+url.QueryEscape(user.Username), &found); err != nil {
			return nil, err
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("got %d users %s, want 1", len(found), user.Username)
		}
		forget(found[0], "id", "access", "createdTimestamp", "userProfileMetadata")
		found[0]["credentials"] = []object{{"type": "password", "value": user.Password, "temporary": false}}
		if user.Group != "" {
			found[0]["groups"] = []string{"/" + strings.TrimPrefix(user.Group, "/")}
		}
		users = append(users, found[0])
	}
	return users, nil
}

// forget removes what is specific to the original.
func forget(o object, keys ...string) {
	for _, key := range keys {
		delete(o, key)
	}
}
