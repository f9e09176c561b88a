package leftovers_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/leftovers"
)

// keycloak answers the admin API with fixed documents by path, and records deletions.
type keycloak struct {
	*httptest.Server

	documents map[string]any
	deleted   []string
}

const realmPath = "/admin/realms/mlflow"

func newKeycloak(t *testing.T, documents map[string]any) *keycloak {
	t.Helper()
	k := &keycloak{documents: documents}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			if _, secret, _ := r.BasicAuth(); secret != "right" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			k.answer(t, w, map[string]any{"access_token": "token"})
			return
		}
		if r.Method == http.MethodDelete {
			k.deleted = append(k.deleted, strings.TrimPrefix(r.URL.Path, "/admin/realms/"))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		document, ok := documents[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		k.answer(t, w, document)
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keycloak) answer(t *testing.T, w http.ResponseWriter, document any) {
	t.Helper()
	w.Header().Set("Content-Type", "application/json")
	require.NoError(t, json.NewEncoder(w).Encode(document))
}

type object = map[string]any

func list(all ...object) []object { return append([]object{}, all...) }

func inputs(values object) resource.PropertyMap { return resource.NewPropertyMapFromMap(values) }

// emptyRealm returns the documents of a realm as Keycloak creates it, with additions or
// replacements.
func emptyRealm(more object) object {
	all := object{
		realmPath: object{"realm": "mlflow"}, realmPath + "/users/count": 0, realmPath + "/groups": list(),
		realmPath + "/clients": list(object{"id": "1", "clientId": "account"}, object{"id": "2", "clientId": "admin-cli"}),
	}
	for path, document := range more {
		all[path] = document
	}
	return all
}

func TestWhatAnInterruptedUpdateLeftInKeycloakIsRemovedAndWhatIsUsedIsNot(t *testing.T) {
	t.Parallel()
	const (
		realm  = "keycloak:index/realm:Realm"
		group  = "keycloak:index/group:Group"
		user   = "keycloak:index/user:User"
		client = "keycloak:openid/client:Client"
		scope  = "keycloak:openid/clientScope:ClientScope"
		mapper = "keycloak:openid/audienceProtocolMapper:AudienceProtocolMapper"
	)
	secret := resource.MakeSecret(resource.NewProperty("of the client"))
	withSecret := inputs(object{"realmId": "mlflow", "clientId": "mlflow"})
	withSecret["clientSecret"] = secret
	aUser := list(object{"id": "u", "username": "ada"})
	ada, demo := inputs(object{"realmId": "mlflow", "username": "ada"}), inputs(object{"realmId": "mlflow", "username": "ada", "initialPassword": object{}})
	aGroup := object{realmPath + "/groups": list(object{"id": "g", "name": "team"})}
	for name, c := range map[string]struct {
		kind      string
		documents object
		inputs    resource.PropertyMap
		deleted   string
		refused   string
	}{
		"an empty realm":       {realm, emptyRealm(nil), inputs(object{"realm": "mlflow"}), "mlflow", ""},
		"no realm":             {realm, object{}, inputs(object{"realm": "mlflow"}), "", ""},
		"a realm with people":  {realm, emptyRealm(object{realmPath + "/users/count": 3}), inputs(object{"realm": "mlflow"}), "", "has 3 users"},
		"a realm with a group": {realm, emptyRealm(aGroup), inputs(object{"realm": "mlflow"}), "", "1 groups"},
		"a realm with another client": {
			realm, emptyRealm(object{realmPath + "/clients": list(object{"id": "1", "clientId": "grafana"})}),
			inputs(object{"realm": "mlflow"}), "", "1 clients",
		},
		"a group without members": {group, object{realmPath + "/groups": aGroup[realmPath+"/groups"], realmPath + "/groups/g/members": list()}, inputs(object{"realmId": "mlflow", "name": "team"}), "mlflow/groups/g", ""},
		"a group with members":    {group, object{realmPath + "/groups": aGroup[realmPath+"/groups"], realmPath + "/groups/g/members": aUser}, inputs(object{"realmId": "mlflow", "name": "team"}), "", "has members"},
		"another group":           {group, aGroup, inputs(object{"realmId": "mlflow", "name": "tea"}), "", ""},
		"a user without a password": {
			user,
			object{realmPath + "/users": aUser, realmPath + "/users/u/credentials": list(), realmPath + "/users/u/federated-identity": list()},
			ada, "mlflow/users/u", "",
		},
		"a user with a password": {
			user,
			object{realmPath + "/users": aUser, realmPath + "/users/u/credentials": list(object{"id": "p"}), realmPath + "/users/u/federated-identity": list()},
			ada, "", "can log in",
		},
		"a user of an identity provider": {
			user,
			object{realmPath + "/users": aUser, realmPath + "/users/u/credentials": list(), realmPath + "/users/u/federated-identity": list(object{"userId": "1"})},
			ada, "", "can log in",
		},
		"a demo user":        {user, object{realmPath + "/users": aUser}, demo, "mlflow/users/u", ""},
		"no user":            {user, object{realmPath + "/users": list()}, ada, "", ""},
		"the client":         {client, object{realmPath + "/clients": list(object{"id": "c", "clientId": "mlflow", "secret": "of the client"})}, withSecret, "mlflow/clients/c", ""},
		"a client of others": {client, object{realmPath + "/clients": list(object{"id": "c", "clientId": "mlflow", "secret": "other"})}, withSecret, "", "its secret is not this deployment's"},
		"no client":          {client, object{realmPath + "/clients": list()}, withSecret, "", ""},
		"a scope":            {scope, object{realmPath + "/client-scopes": list(object{"id": "s", "name": "machine"})}, inputs(object{"realmId": "mlflow", "name": "machine"}), "mlflow/client-scopes/s", ""},
		"a mapper of a client": {
			mapper,
			object{realmPath + "/clients/c": object{"protocolMappers": list(object{"id": "m", "name": "audience"}, object{"id": "n", "name": "more"})}},
			inputs(object{"realmId": "mlflow", "clientId": "c", "name": "audience"}), "mlflow/clients/c/protocol-mappers/models/m", "",
		},
		"a mapper of a scope": {
			mapper,
			object{realmPath + "/client-scopes/s/protocol-mappers/models": list(object{"id": "m", "name": "audience"})},
			inputs(object{"realmId": "mlflow", "clientScopeId": "s", "name": "audience"}), "mlflow/client-scopes/s/protocol-mappers/models/m", "",
		},
		"what can be set twice": {"keycloak:index/realmEvents:RealmEvents", object{}, inputs(object{"realmId": "mlflow"}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeycloak(t, c.documents)
			removed, err := leftovers.Object(t.Context(), k.URL, "program", "right", c.kind, c.inputs)
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused)
				require.ErrorContains(t, err, "nothing was changed")
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.deleted != "", removed != "")
			if c.deleted == "" {
				require.Empty(t, k.deleted)
			} else {
				require.Equal(t, []string{c.deleted}, k.deleted)
			}
		})
	}
}

func TestAKeycloakThatRefusesTheProgramIsLeftToItsProvider(t *testing.T) {
	t.Parallel()
	k := newKeycloak(t, emptyRealm(nil))
	removed, err := leftovers.Object(t.Context(), k.URL, "program", "wrong", "keycloak:index/realm:Realm", inputs(object{"realm": "mlflow"}))
	require.NoError(t, err)
	require.Empty(t, removed)
	require.Empty(t, k.deleted)
}
